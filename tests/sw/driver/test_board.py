"""The board backend through pynq's own Overlay, MMIO, Clocks and buffers, over a device without a board."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewright.driver import Accelerator, BackendUnavailable, ConfigMismatch, DriverError, OutOfDeviceMemory
from gatewright.driver.board import BoardBackend
from gatewright.spec.config import get_config
from gatewright.spec.registers import register

pytest.importorskip("pynq")
TINY = get_config("tiny")


def _int8(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).integers(-128, 128, shape).astype(np.int8)


def test_a_gemm_through_pynq(device: Any, bitstream: Callable[..., Path]) -> None:
    a, b = _int8(9, 30), _int8(11, 30)
    with Accelerator("tiny", "board", bitstream=bitstream()) as accelerator:
        assert device.downloads == 1
        assert np.array_equal(accelerator.gemm(a, b), a.astype(np.int32) @ b.T.astype(np.int32))
        assert accelerator.report().engine("gemm").commands == 1
        held = accelerator.upload(a)
        assert np.array_equal(held.numpy(), a)
    assert device.live == 0  # closing frees what was left


def test_the_clock_is_set_to_the_configurations(device: Any, bitstream: Callable[..., Path]) -> None:
    BoardBackend(TINY, bitstream=bitstream()).close()
    fclk0 = device.slcr[0xF800_0170]
    divisors = (fclk0 >> 8 & 63) * (fclk0 >> 20 & 63)
    assert 50 * 30 / divisors == TINY.clock_mhz


def test_reset_loads_the_bitstream_again_unless_told_not_to_load_it(
    device: Any, bitstream: Callable[..., Path]
) -> None:
    backend = BoardBackend(TINY, bitstream=bitstream(), download=False)
    assert device.downloads == 0
    backend.reset()
    assert device.downloads == 1
    backend.close()


def test_no_pynq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynq", None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'gatewright\[board\]'"):
        BoardBackend(TINY)


def test_no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    import pynq

    monkeypatch.setattr(pynq.Device, "_devices", [], raising=False)
    monkeypatch.delattr(pynq.Device, "_active_device", raising=False)
    with pytest.raises(BackendUnavailable, match="pynq finds no board here"):
        BoardBackend(TINY)


def test_no_bitstream(device: Any) -> None:
    with pytest.raises(BackendUnavailable, match=r"gatewright-tiny\.bit"):
        BoardBackend(TINY)


def test_another_bitstream(device: Any, bitstream: Callable[..., Path]) -> None:
    with pytest.raises(BackendUnavailable, match=r"no block gatewright_top; its blocks: accelerator_0"):
        BoardBackend(TINY, bitstream=bitstream("video_filter"))


@pytest.mark.parametrize("handoff", ["", "<EDKSYSTEM/>", "not xml"])
def test_a_bad_handoff(handoff: str, device: Any, bitstream: Callable[..., Path]) -> None:
    path = bitstream()
    path.with_suffix(".hwh").write_text(handoff)
    with pytest.raises(BackendUnavailable, match=r"gatewright\.bit (cannot be opened|has no block)"):
        BoardBackend(TINY, bitstream=path)


def test_a_missing_handoff(device: Any, bitstream: Callable[..., Path]) -> None:
    path = bitstream()
    path.with_suffix(".hwh").unlink()
    with pytest.raises(BackendUnavailable, match=r"gatewright\.bit cannot be opened"):
        BoardBackend(TINY, bitstream=path)


def _fail(*_: object, **__: object) -> None:
    raise RuntimeError("no such window")


@pytest.mark.parametrize(("block", "broken"), [("video_filter", "Interrupt"), ("gatewright_top", "MMIO")])
def test_the_overlay_is_freed_when_opening_fails(
    block: str, broken: str, device: Any, bitstream: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pynq

    freed: list[Any] = []
    monkeypatch.setattr(pynq.Overlay, "free", lambda overlay: freed.append(overlay))
    monkeypatch.setattr(pynq, broken, _fail)
    with pytest.raises(BackendUnavailable, match=r"no block gatewright_top|RuntimeError: no such window"):
        BoardBackend(TINY, bitstream=bitstream(block))
    assert len(freed) == 1


def test_another_configuration(device: Any, bitstream: Callable[..., Path]) -> None:
    with pytest.raises(ConfigMismatch, match="not made from config 'pynq-z2'"):
        Accelerator("pynq-z2", "board", bitstream=bitstream())


def test_memory(device: Any, bitstream: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    backend = BoardBackend(TINY, bitstream=bitstream())
    with pytest.raises(DriverError, match="at least 1"):
        backend.allocate(0)
    with pytest.raises(OutOfDeviceMemory, match="pynq cannot allocate"):
        backend.allocate(1 << 30)
    memory = backend.allocate(100)
    assert len(memory.array) == 100
    memory.free()
    memory.free()
    assert device.live == 0
    with pytest.raises(DriverError, match="freed"):
        _ = memory.array
    monkeypatch.setattr(device, "allocate", _misplaced(device.allocate))
    with pytest.raises(OutOfDeviceMemory, match="multiples of 64"):
        backend.allocate(64)
    backend.close()


def _misplaced(allocate: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        buffer = allocate(*args, **kwargs)
        buffer.device_address += 8
        return buffer

    return wrapped


class _Interrupt:
    """Stands for pynq's, which needs a UIO device: ends the program when somebody waits."""

    def __init__(self, finish: Callable[[], None]) -> None:
        self._finish = finish
        self.waits = 0

    async def wait(self) -> None:
        self.waits += 1
        await asyncio.sleep(0.01)
        self._finish()


@pytest.mark.parametrize("loop", ["a thread's own", "none since asyncio.run"])
def test_waits_for_the_interrupt_when_the_overlay_connects_one(
    loop: str, device: Any, bitstream: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pynq

    asyncio.set_event_loop(asyncio.new_event_loop() if loop == "a thread's own" else None)
    status = register("STATUS").offset
    interrupt = _Interrupt(lambda: monkeypatch.setattr(device.machine, "read", lambda offset: 2))
    monkeypatch.setattr(pynq, "Interrupt", lambda pin: interrupt)
    monkeypatch.setattr(BoardBackend, "_find_interrupt", _with_pin(BoardBackend._find_interrupt))
    backend = BoardBackend(TINY, bitstream=bitstream())
    assert backend.read(status) == 0
    assert backend.wait(5.0)
    assert interrupt.waits == 1
    assert backend.wait(5.0)  # the program has ended already
    assert interrupt.waits == 1
    backend.close()
    backend._loop.close()
    asyncio.set_event_loop(None)


def _with_pin(find: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(self: BoardBackend, pin: str) -> Any:
        self._overlay.interrupt_pins[pin] = {"controller": "", "index": 0}
        return find(self, pin)

    return wrapped


def test_polls_where_the_system_offers_no_interrupt(
    device: Any, bitstream: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoardBackend, "_find_interrupt", _with_pin(BoardBackend._find_interrupt))
    backend = BoardBackend(TINY, bitstream=bitstream())  # pynq.Interrupt knows no such pin
    assert not backend.wait(0.01)
    backend.close()
    backend._loop.close()
    asyncio.set_event_loop(None)
