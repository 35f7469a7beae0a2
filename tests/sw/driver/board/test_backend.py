"""The board backend through pynq's own device, MMIO and buffers, over a device whose fabric is the golden machine."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewright.artefact import ArtefactError, load_built
from gatewright.driver import (
    Accelerator,
    AcceleratorError,
    AcceleratorTimeout,
    BackendUnavailable,
    ConfigMismatch,
    DriverError,
)
from gatewright.driver.board import BoardBackend, loaded
from gatewright.driver.board.coherence import check_coherence
from gatewright.driver.board.opening import open_port
from gatewright.driver.board.pynq_versions import BoardPort
from gatewright.driver.errors import BoardError, OutOfDeviceMemory
from gatewright.driver.registers import RegisterFile
from gatewright.driver.runner import Runner
from gatewright.spec.config import get_config
from gatewright.spec.registers import REGISTER_BYTES, register

pytest.importorskip("pynq")
TINY = get_config("tiny")
FCLK0 = 0xF800_0170
STATE = "/sys/class/fpga_manager/fpga0/state"
REGISTERS = 0x4000_0000


def _int8(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).integers(-128, 128, shape).astype(np.int8)


A, B = _int8(9, 30), _int8(11, 30)
PRODUCT = A.astype(np.int32) @ B.T.astype(np.int32)


def test_a_gemm_through_pynq(device: Any, design: Path) -> None:
    with Accelerator("tiny", "board", bitstream=design) as accelerator:
        assert device.downloads == [load_built(design).path(".bit").name]
        assert np.array_equal(accelerator.gemm(A, B), PRODUCT)
        assert accelerator.report().engine("gemm").commands == 1
        held = accelerator.upload(A)
        assert np.array_equal(held.numpy(), A)
        assert accelerator.clock_mhz == pytest.approx(100)
        array = held.memory.array
    assert device.live == 1  # closing frees what nobody looks at
    del array
    assert device.live == 0


def test_several_at_once_and_awaited(device: Any, design: Path) -> None:
    """Two accelerators over one device here; each opens, computes and closes on its own."""

    async def both() -> list[np.ndarray]:
        with Accelerator("tiny", "board", bitstream=design) as one, Accelerator("tiny", "golden") as other:
            return await asyncio.gather(*(each.call_async(each.gemm, A, B) for each in (one, other, one, other)))

    assert all(np.array_equal(each, PRODUCT) for each in asyncio.run(both()))


def test_opened_in_a_thread_without_a_loop(device: Any, design: Path) -> None:
    found: list[np.ndarray] = []

    def work() -> None:
        with Accelerator("tiny", "board", bitstream=design) as accelerator:
            found.append(accelerator.gemm(A, B))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert np.array_equal(found[0], PRODUCT)


def test_opened_again_after_closing(device: Any, design: Path) -> None:
    for _ in range(3):
        with Accelerator("tiny", "board", bitstream=design) as accelerator:
            assert np.array_equal(accelerator.gemm(A, B), PRODUCT)
    assert len(device.downloads) == 3


def test_without_a_download(device: Any, design: Path) -> None:
    with pytest.raises(BoardError, match="no design of ours is known to be loaded"):
        BoardBackend(TINY, bitstream=design, download=False)
    BoardBackend(TINY, bitstream=design).close()
    with Accelerator("tiny", "board", bitstream=design, download=False) as accelerator:
        assert np.array_equal(accelerator.gemm(A, B), PRODUCT)
    assert len(device.downloads) == 1


# ---- before a download, and after it


def test_nothing_touches_a_fabric_that_is_not_ours(device: Any, design: Path) -> None:
    """Of a board as it boots, and of one that runs somebody's overlay, no register of the fabric is read."""
    for state in (b"unknown\n", b"operating\n"):
        device.files = {STATE: state}
        device.log.clear()
        device.downloads.clear()
        device.state_after_download = "write error"
        with pytest.raises(BoardError, match=r"did not take gatewright-.*: the FPGA manager's state is 'write error'"):
            BoardBackend(TINY, bitstream=design)
        assert all(address < REGISTERS or address >= 0x8000_0000 for _, address, _ in device.log)
        assert len(device.downloads) == 1


def test_nothing_touches_a_fabric_whose_clock_stands_still(device: Any, design: Path) -> None:
    BoardBackend(TINY, bitstream=design).close()
    device.slcr[FCLK0] = 0
    device.log.clear()
    port = open_port()
    loaded.drain(port, loaded.loaded_design(port))
    assert all(address < REGISTERS or address >= 0x8000_0000 for _, address, _ in device.log)


def test_closing_leaves_memory_to_an_accelerator_at_work(
    device: Any, design: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = BoardBackend(TINY, bitstream=design)
    backend.allocate(100)

    def no_rest() -> None:
        raise BoardError("the bus does not come to rest")

    monkeypatch.setattr(backend._fabric, "reset", no_rest)
    held = device.live
    backend.close()
    assert device.live == held > 0
    BoardBackend(TINY, bitstream=design).close()  # the claim was given back


@pytest.fixture
def stuck(device: Any, design: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Accelerator]:
    """It hangs in a program, and its bus does not come to rest."""
    monkeypatch.setattr(loaded, "DRAIN_TIMEOUT_S", 0.01)
    accelerator = Accelerator("tiny", "board", bitstream=design, timeout_s=0.05)
    device.memory.faults.hang = True
    with pytest.raises(AcceleratorTimeout) as error:
        accelerator.gemm(A, B)
    assert "does not come to rest" in str(error.value)
    yield accelerator
    accelerator.close()


def test_memory_is_kept_while_the_accelerator_may_write_there(stuck: Accelerator, device: Any) -> None:
    """Freed one by one, as a program's is before the accelerator closes; given back again once it has come to rest."""
    memory = stuck.backend.allocate(100)
    held = device.live
    memory.free()
    assert device.live == held
    device.memory.faults.hang = False
    stuck.backend.reset()
    later = stuck.backend.allocate(100)
    later.free()
    assert device.live == held


def test_memory_is_given_back_after_a_program_that_failed(device: Any, design: Path) -> None:
    """Its reset was done."""
    with Accelerator("tiny", "board", bitstream=design) as accelerator:
        memory = accelerator.backend.allocate(100)
        device.memory.faults.slverr = (device.memory.base, 1 << 32)
        with pytest.raises(AcceleratorError):
            accelerator.gemm(A, B)
        held = device.live
        memory.free()
        assert device.live == held - 1


def test_memory_is_kept_where_a_reset_is_broken_off(device: Any, design: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a second Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with Accelerator("tiny", "board", bitstream=design) as accelerator:
        memory = accelerator.backend.allocate(100)
        device.memory.faults.hang = True
        with monkeypatch.context() as patch:
            patch.setattr(accelerator.backend, "wait", interrupt)
            patch.setattr(Runner, "recover", interrupt)
            with pytest.raises(KeyboardInterrupt):
                accelerator.gemm(A, B)
        device.memory.faults.hang = False
        held = device.live
        memory.free()
        assert device.live == held


def test_the_check_of_memory_keeps_it_too(stuck: Accelerator, device: Any) -> None:
    held = device.live
    with pytest.raises(BoardError, match="does not come to rest"):
        check_coherence(
            TINY,
            lambda nbytes, _: stuck.backend.allocate(nbytes),
            lambda *_: stuck.gemm(A, B),
            8192,
            source_cacheable=False,
            result_cacheable=False,
        )
    assert device.live >= held + 3


@pytest.mark.parametrize("at_rest", [True, False])
def test_a_lost_claim_frees_what_nobody_writes_to(
    at_rest: bool, device: Any, design: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next holder may be one that resets nothing."""
    backend = BoardBackend(TINY, bitstream=design)
    backend.allocate(100)
    held = device.live
    if not at_rest:
        device.memory.faults.hang = True
        RegisterFile(backend).write_fields("CONTROL", start=1)
    monkeypatch.setattr(backend._claim, "held", lambda: False)
    backend.close()
    assert device.live == (0 if at_rest else held)


def test_our_old_design_comes_to_rest_first(device: Any, design: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BoardBackend(TINY, bitstream=design).close()
    device.log.clear()
    events: list[int] = []
    download = type(device).download
    monkeypatch.setattr(type(device), "download", lambda *a, **k: (events.append(len(device.log)), download(*a, **k)))
    BoardBackend(TINY, bitstream=design).close()
    before = device.log[: events[0]]
    control = REGISTERS + register("CONTROL").offset
    reset = 1 << register("CONTROL").field("reset").lsb
    assert ("write", control, reset) in before
    fabric = [access for access in before if REGISTERS <= access[1] < REGISTERS + REGISTER_BYTES]
    assert fabric[0][:2] == ("read", REGISTERS)  # whether it is ours


def test_a_design_that_does_not_rest_is_not_cut_off(device: Any, design: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BoardBackend(TINY, bitstream=design).close()
    monkeypatch.setattr(loaded, "DRAIN_TIMEOUT_S", 0.01)
    monkeypatch.setattr(device.machine, "write", lambda offset, value: None)
    status = register("STATUS")
    read = device.machine.read
    busy = 1 << status.field("busy").lsb
    monkeypatch.setattr(device.machine, "read", lambda offset: busy if offset == status.offset else read(offset))
    with pytest.raises(BoardError, match="does not come to rest, and a download or another clock now could"):
        BoardBackend(TINY, bitstream=design)
    assert len(device.downloads) == 1


@pytest.mark.parametrize("what", ["another boot", "another download", "a damaged note", "a note of another board"])
def test_a_note_that_is_out_of_date_is_not_trusted(
    what: str, device: Any, design: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BoardBackend(TINY, bitstream=design).close()
    port = open_port()
    assert loaded.loaded_design(port) is not None
    if what == "another boot":
        device.files["/proc/sys/kernel/random/boot_id"] = b"other\n"
    elif what == "another download":
        monkeypatch.setattr(port, "last_download", lambda: "0" * 40)
    else:
        note = {"stem": "x"} if what == "a damaged note" else json.loads(device.files[loaded.NOTE]) | {"board": "x"}
        device.files[loaded.NOTE] = json.dumps(note).encode()
    assert loaded.loaded_design(port) is None


def test_what_answers_must_be_the_design(device: Any, design: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device.machine, "read", lambda offset: 0)
    with pytest.raises(ConfigMismatch, match="ID is 0x00000000"):
        BoardBackend(TINY, bitstream=design)


# ---- the clock


def test_the_clock_is_the_designs_and_read_back(device: Any, tmp_path: Path, make_design: Callable[..., Path]) -> None:
    opened = BoardBackend(TINY, bitstream=make_design(tmp_path / "slow", mhz=60))
    assert opened.clock.mhz == opened.clock_mhz == pytest.approx(1000 / 17)
    divisors = (device.slcr[FCLK0] >> 8 & 63) * (device.slcr[FCLK0] >> 20 & 63)
    assert divisors == 17
    opened.close()


def test_a_faster_pll_gets_larger_dividers(device: Any, design: Path) -> None:
    """The boot loader of this board has made another PLL than its board file says."""
    device.slcr[0xF800_0108] = 48 << 12
    opened = BoardBackend(TINY, bitstream=design)
    assert opened.clock_mhz == pytest.approx(100)
    assert opened.clock.pll_mhz == pytest.approx(1600)
    opened.close()


def test_registers_that_are_locked_are_noticed(device: Any, design: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Locked(dict):
        def __setitem__(self, key: int, value: int) -> None:
            pass

    monkeypatch.setattr(device, "slcr", Locked(device.slcr | {FCLK0: 8 << 8 | 1 << 20}))
    with pytest.raises(BoardError, match=r"reads 125\.000 MHz after it was set to 100\.000: are its registers locked"):
        BoardBackend(TINY, bitstream=design)
    assert device.downloads == []


def _divisor(value: int) -> int:
    return (value >> 8 & 63) * (value >> 20 & 63)


@pytest.mark.parametrize(
    ("before", "during"), [(5, 17), (17, 17), (40, 40), (0, 0)], ids=["faster", "equal", "slower", "still"]
)
def test_during_a_download_the_clock_is_the_slower_one(
    before: int, during: int, device: Any, tmp_path: Path, make_design: Callable[..., Path]
) -> None:
    """Somebody else's design may be at work before it, and is no faster than it was; ours is never too fast."""
    device.slcr[FCLK0] = before << 8 | 1 << 20
    found: list[int] = []
    download = device.download
    device.download = lambda *arguments: (found.append(_divisor(device.slcr[FCLK0])), download(*arguments))
    BoardBackend(TINY, bitstream=make_design(tmp_path / "slow", mhz=60)).close()
    assert found == [during]
    assert _divisor(device.slcr[FCLK0]) == 17


def test_a_source_that_is_no_pll_is_left_before_a_download(device: Any, design: Path) -> None:
    """Whatever it is, ours must not run by it."""
    device.slcr[FCLK0] |= 3 << 4
    BoardBackend(TINY, bitstream=design).close()
    assert device.slcr[FCLK0] >> 4 & 3 == 0


def test_the_design_rests_before_its_clock_changes(device: Any, design: Path) -> None:
    BoardBackend(TINY, bitstream=design).close()
    device.slcr[FCLK0] = 20 << 8 | 1 << 20
    device.log.clear()
    BoardBackend(TINY, bitstream=design, download=False).close()
    writes = [address for what, address, _ in device.log if what == "write"]
    assert writes.index(REGISTERS + register("CONTROL").offset) < writes.index(FCLK0)
    assert _divisor(device.slcr[FCLK0]) == 10


# ---- designs that are refused, before the board is touched


def _cut(design: Path) -> None:
    bit = load_built(design).path(".bit")
    bit.write_bytes(bit.read_bytes()[:-4])


def _foreign_handoff(design: Path) -> None:
    path = load_built(design).path(".hwh")
    path.write_text(path.read_text().replace("gatewright_top", "video_filter"))


def _rehashed_handoff(design: Path) -> None:
    """Whoever changed it also changed the manifest."""
    import hashlib

    _, path = load_built(design).path(".bit"), load_built(design).path(".hwh")
    _foreign_handoff(design)
    manifest = json.loads((design / "manifest.json").read_text())
    manifest["files"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (design / "manifest.json").write_text(json.dumps(manifest))


def test_a_handoff_without_our_block_is_refused_before_anything_is_touched(
    device: Any, design: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PYNQ's parser sees it; the design that runs goes on."""
    BoardBackend(TINY, bitstream=design).close()
    device.log.clear()
    note = device.files[loaded.NOTE]
    monkeypatch.setattr(BoardPort, "describe", lambda port, bit: {"video": {"type": "x:y:z:1.0", "phys_addr": 0}})
    with pytest.raises(BackendUnavailable, match=r"\.hwh has no block .*gatewright_top.*; its blocks: video"):
        BoardBackend(TINY, bitstream=design)
    assert (len(device.downloads), device.log, device.files[loaded.NOTE]) == (1, [], note)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a truncated bitstream": (_cut, r"\.bit is not the file of .*manifest\.json"),
    "a foreign handoff": (_foreign_handoff, r"\.hwh is not the file of"),
    "a foreign handoff with its hash": (
        _rehashed_handoff,
        r"\.bit: the handoff \(\.hwh\) is not the one that it was built with",
    ),
    "no handoff": (lambda design: load_built(design).path(".hwh").unlink(), r"\.hwh: No such file"),
    "no manifest": (lambda design: (design / "manifest.json").unlink(), r"manifest\.json: No such file"),
    "no JSON": (lambda design: (design / "manifest.json").write_text("{"), r"manifest\.json is no JSON"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_damaged_design_is_refused(case: str, device: Any, design: Path) -> None:
    damage, message = REFUSED[case]
    damage(design)
    with pytest.raises(ArtefactError, match=message):
        BoardBackend(TINY, bitstream=design)
    assert (device.downloads, device.log) == ([], [])


def test_a_bit_file_is_taken_with_its_folder(device: Any, design: Path) -> None:
    bit = load_built(design).path(".bit")
    BoardBackend(TINY, bitstream=bit).close()
    other = Path(shutil.copy(bit, design / "other.bit"))
    with pytest.raises(ArtefactError, match=r"other\.bit is not the one of"):
        BoardBackend(TINY, bitstream=other)


def test_another_configuration_or_board(device: Any, design: Path) -> None:
    with pytest.raises(ConfigMismatch, match="not made from config 'pynq-z2'"):
        BoardBackend(get_config("pynq-z2"), bitstream=design)
    with pytest.raises(ConfigMismatch, match="is for board 'zybo-z7-10', this one is 'kv260'"):
        BoardBackend(TINY, bitstream=design, board="kv260")
    device.files["/proc/device-tree/chosen/pynq_board"] = b"Pynq-Z2\0"
    with pytest.raises(ConfigMismatch, match="this one is 'pynq-z2'"):
        BoardBackend(TINY, bitstream=design)
    with pytest.raises(DriverError, match="unknown board 'zedboard', allowed: kv260"):
        BoardBackend(TINY, bitstream=design, board="zedboard")
    assert (device.downloads, device.log) == ([], [])


def test_no_bitstream(device: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BackendUnavailable, match=r"no bitstream of config 'tiny' for board 'kv260'"):
        BoardBackend(TINY, board="kv260")


def test_no_pynq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynq", None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'gatewright\[remote\]'"):
        BoardBackend(TINY)


@pytest.mark.parametrize("version", ["2.7.0", "5.0.0", "", "unknown"])
def test_another_pynq(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import pynq

    monkeypatch.setattr(pynq, "__version__", version)
    with pytest.raises(BackendUnavailable, match=r"allowed: 3\.0\.1 up to, not including, 5\.0\.0"):
        BoardBackend(TINY)


def test_no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    import pynq

    monkeypatch.setattr(pynq.Device, "_devices", [], raising=False)
    monkeypatch.delattr(pynq.Device, "_active_device", raising=False)
    with pytest.raises(BackendUnavailable, match="pynq finds no board here"):
        BoardBackend(TINY)


# ---- memory


def test_memory(device: Any, design: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = BoardBackend(TINY, bitstream=design)
    with pytest.raises(DriverError, match="at least 1"):
        opened.allocate(0)
    device.files["/proc/meminfo"] = b"MemTotal: 1 kB\nCmaTotal:  131072 kB\nCmaFree:   1024 kB\n"
    with pytest.raises(OutOfDeviceMemory, match=r"of 131072 kB reserved \(CMA\) 1024 kB are free"):
        opened.allocate(1 << 30)
    memory = opened.allocate(100)
    assert len(memory.array) == 100
    memory.free()
    memory.free()
    assert device.live == 0
    with pytest.raises(DriverError, match="freed"):
        _ = memory.array
    monkeypatch.setattr(device, "allocate", _misplaced(device.allocate))
    with pytest.raises(OutOfDeviceMemory, match="multiples of 64"):
        opened.allocate(64)
    assert device.live == 0
    opened.close()


def _misplaced(allocate: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        buffer = allocate(*args, **kwargs)
        buffer.device_address += 8
        return buffer

    return wrapped


def test_syncs_that_do_nothing_are_worked_around(device: Any, design: Path) -> None:
    device.broken_flush = True
    with Accelerator("tiny", "board", bitstream=design) as accelerator:
        assert np.array_equal(accelerator.gemm(A, B), PRODUCT)
        assert (
            np.array_equal(accelerator.gemm(-A, B), -(A.astype(np.int32)) @ B.T.astype(np.int32)) or (A == -128).any()
        )
        assert any("syncs of cacheable memory do nothing" in note for note in accelerator.backend.notes)
    with Accelerator("tiny", "board", bitstream=design, cacheable=True) as accelerator:
        assert not np.array_equal(accelerator.gemm(A, B), PRODUCT)  # the test's device does behave so


# ---- waiting


def test_polls_where_the_system_offers_no_interrupt(device: Any, design: Path) -> None:
    opened = BoardBackend(TINY, bitstream=design)
    assert not opened.wait(0.01)
    opened.close()


class FailingInterrupt:
    """A UIO device whose reads or writes fail from some moment on."""

    def __init__(self, fails: str) -> None:
        self.fails = fails
        self.closed = False

    def arm(self) -> None:
        if self.fails == "arm":
            raise OSError(5, "Input/output error")

    def wait(self, timeout_s: float) -> bool:
        if self.fails == "wait":
            raise OSError(5, "Input/output error")
        return False

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("fails", ["arm", "wait"])
def test_an_interrupt_that_fails_is_polled_from_then_on(fails: str, device: Any, design: Path) -> None:
    with Accelerator("tiny", "board", bitstream=design) as accelerator:
        broken = FailingInterrupt(fails)
        accelerator.backend._fabric._interrupt = broken
        before = list(accelerator.backend.notes)
        assert not accelerator.backend.wait(0.01)
        for _ in range(2):
            assert np.array_equal(accelerator.gemm(A, B), PRODUCT)
        assert broken.closed
        assert accelerator.backend.notes == [
            *before,
            "the interrupt's UIO device failed (Input/output error): STATUS is polled",
        ]


def test_a_bus_that_hangs(device: Any, design: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, nothing is loaded under live buffers, and the next request after its end works."""
    monkeypatch.setattr(loaded, "DRAIN_TIMEOUT_S", 0.01)
    with Accelerator("tiny", "board", bitstream=design) as accelerator:
        device.memory.faults.hang = True
        accelerator.timeout_s = 0.05
        with pytest.raises(AcceleratorTimeout):
            accelerator.gemm(A, B)
        assert len(device.downloads) == 1
        device.memory.faults.hang = False
        accelerator.timeout_s = 60
        assert np.array_equal(accelerator.gemm(A, B), PRODUCT)
