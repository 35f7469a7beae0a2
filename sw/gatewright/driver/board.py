"""The accelerator in the fabric of a Zynq, through PYNQ: overlay, registers, contiguous memory, interrupt.

pynq is imported when a board is opened, not before.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DEVICE_ALIGNMENT, DeviceMemory
from gatewright.driver.errors import AcceleratorClosed, BackendUnavailable, DriverError, OutOfDeviceMemory
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import MemoryModel
from gatewright.spec.registers import BLOCK_NAME, REGISTER_BYTES, register

__all__ = ["BoardBackend"]

IRQ_PIN = "irq"
POLL_S = (50e-6, 2e-3)
"""Shortest and longest pause between two looks at STATUS where there is no interrupt."""


def _import_pynq() -> Any:
    try:
        import pynq
    except ImportError as error:
        raise BackendUnavailable(f"pynq cannot be imported ({error}): pip install 'gatewright[board]'") from None
    return pynq


def _find_device(pynq: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pynq.Device.active_device
        except Exception as error:  # pynq raises what its probes raise
            raise BackendUnavailable(f"pynq finds no board here: {error}") from None


def _find_ip(ip_dict: Mapping[str, Mapping[str, Any]], bitstream: str) -> tuple[str, int]:
    """Name and physical address of our block."""
    for name, entry in ip_dict.items():
        vlnv = str(entry.get("type", "")).split(":")
        if BLOCK_NAME in vlnv and "phys_addr" in entry:
            return str(entry.get("fullpath", name)), int(entry["phys_addr"])
    raise BackendUnavailable(f"{bitstream} has no block {BLOCK_NAME}; its blocks: {', '.join(ip_dict) or 'none'}")


def _loop_of_thread() -> asyncio.AbstractEventLoop:
    """This thread's event loop; a new one where it has none, as after ``asyncio.run``."""
    policy = asyncio.get_event_loop_policy()
    try:
        return policy.get_event_loop()
    except RuntimeError:
        policy.set_event_loop(policy.new_event_loop())
        return policy.get_event_loop()


class _Buffer:
    """A ``pynq`` buffer as device memory."""

    def __init__(self, buffer: Any, nbytes: int, live: set[_Buffer]) -> None:
        self._buffer = buffer
        self._nbytes = nbytes
        self._live = live
        live.add(self)
        self.address = int(buffer.device_address)

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        if self._buffer is None:
            raise DriverError("this device memory has been freed")
        return np.asarray(self._buffer)[: self._nbytes]

    def flush(self, start: int = 0, stop: int | None = None) -> None:
        self._buffer[start : self._nbytes if stop is None else stop].flush()

    def invalidate(self, start: int = 0, stop: int | None = None) -> None:
        self._buffer[start : self._nbytes if stop is None else stop].invalidate()

    def free(self) -> None:
        if self._buffer is not None:
            self._buffer.freebuffer()
            self._buffer = None
            self._live.discard(self)


class BoardBackend:
    """The accelerator on the board that this runs on, or on the device that ``pynq`` calls active.

    Parameters
    ----------
    config : the accelerator's.
    bitstream : path of the ``.bit`` or ``.xsa``, with its ``.hwh`` beside it, or a name that pynq knows; default:
        ``gatewright-<config name>.bit``.
    device : a ``pynq.Device``; default: the active one.
    download : load the bitstream; False when it is there already.
    memory : only for the roofline's bounds.

    Raises :class:`BackendUnavailable` when pynq, a board, the bitstream or our block in it is missing.
    """

    name = "board"

    def __init__(
        self,
        config: AcceleratorConfig,
        *,
        bitstream: str | Path | None = None,
        device: Any = None,
        download: bool = True,
        memory: MemoryModel | None = None,
    ) -> None:
        self.config = config
        self.memory = memory or MemoryModel()
        self._pynq = _import_pynq()
        self._device = _find_device(self._pynq) if device is None else device
        self._buffers: set[_Buffer] = set()
        self._closed = False
        path = str(bitstream or f"gatewright-{config.name}.bit")
        try:
            with contextlib.ExitStack() as undo:
                self._overlay = self._pynq.Overlay(path, device=self._device, download=False)
                undo.callback(self._overlay.free)
                self._set_clocks()
                if download:
                    self._overlay.download()
                block, address = _find_ip(self._overlay.ip_dict, path)
                self._mmio = self._pynq.MMIO(address, REGISTER_BYTES, device=self._device)
                self._interrupt = self._find_interrupt(f"{block}/{IRQ_PIN}")
                undo.pop_all()
        except BackendUnavailable:
            raise
        except Exception as error:  # a bad handoff makes pynq's parsers raise anything
            reason = f"{type(error).__name__}: {error}"
            raise BackendUnavailable(f"bitstream {path} cannot be opened: {reason}") from error

    def _set_clocks(self) -> None:
        """Give clocks a frequency where pynq's metadata has none (4.0.0 on Zynq-7000): download needs one."""
        for clock in self._overlay.clock_dict.values():
            if clock.get("frequency") is None:
                clock["frequency"] = self.config.clock_mhz

    def _find_interrupt(self, pin: str) -> Any:
        """The block's interrupt, or None where the overlay does not connect it or the system does not offer it."""
        if pin not in self._overlay.interrupt_pins:
            return None
        try:
            self._loop = _loop_of_thread()  # pynq watches interrupts in it
            return self._pynq.Interrupt(pin)
        except (ValueError, OSError, RuntimeError):
            return None

    @property
    def clock_mhz(self) -> float | None:
        """Not known yet."""
        return None

    def read(self, offset: int) -> int:
        self._check()
        return int(self._mmio.read(offset))

    def write(self, offset: int, value: int) -> None:
        self._check()
        self._mmio.write(offset, int(value))  # pynq takes exactly an int

    def allocate(self, nbytes: int) -> DeviceMemory:
        self._check()
        if nbytes < 1:
            raise DriverError(f"allocation of {nbytes} bytes, allowed: at least 1")
        size = -(-nbytes // DEVICE_ALIGNMENT) * DEVICE_ALIGNMENT
        try:
            buffer = self._pynq.allocate((size,), dtype=np.uint8, target=self._device)
        except (RuntimeError, MemoryError, OSError) as error:
            raise OutOfDeviceMemory(f"pynq cannot allocate {size:,} bytes of contiguous memory: {error}") from None
        memory = _Buffer(buffer, nbytes, self._buffers)
        if memory.address % DEVICE_ALIGNMENT or not 0 <= memory.address <= (1 << 32) - size:
            memory.free()
            raise OutOfDeviceMemory(
                f"pynq allocated memory at {memory.address:#x}, allowed: multiples of {DEVICE_ALIGNMENT} below 2**32"
            )
        return memory

    def wait(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        if self._interrupt is not None and not self._done() and not self._loop_is_taken():
            sleep = self._sleep_until_interrupt(timeout_s)
            try:
                self._loop.run_until_complete(sleep)
            except RuntimeError:  # another board's thread has taken it a moment ago
                sleep.close()
        pause = POLL_S[0]
        while not self._done():
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, POLL_S[1])
        return True

    def _loop_is_taken(self) -> bool:
        """Whether pynq's event loop runs, as in a notebook, or this thread is in another one's coroutine."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return bool(self._loop.is_running())
        return True

    def _done(self) -> bool:
        status = register("STATUS")
        return bool(status.extract(self.read(status.offset), "done"))

    async def _sleep_until_interrupt(self, timeout_s: float) -> None:
        """STATUS says afterwards whether it was the interrupt that ended the sleep."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._interrupt.wait(), timeout_s)

    def reset(self) -> None:
        """Load the bitstream again: nothing less ends a transaction that the memory does not answer."""
        self._check()
        self._overlay.download()

    def close(self) -> None:
        """Free every buffer and the overlay's device-tree entries."""
        if self._closed:
            return
        self._closed = True
        for buffer in list(self._buffers):
            buffer.free()
        self._overlay.free()

    def _check(self) -> None:
        if self._closed:
            raise AcceleratorClosed
