"""The Verilated accelerator in process, behind the driver."""

from __future__ import annotations

import ctypes
import os
import shutil
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gatewright.cache import CacheError
from gatewright.driver.errors import BackendUnavailable, BusProtocolError, DriverError
from gatewright.files import check_writable, reason
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import MemoryModel
from gatewright_sim.backend import SimulatedBackend
from gatewright_sim.dram.timing import DramTiming, PortTiming
from gatewright_sim.memory import MEMORY_BASE, MEMORY_BYTES, SimulatedMemory
from gatewright_sim.rtl.build import build_library, design_verilog
from gatewright_sim.rtl.library import load

__all__ = ["RefusedAccess", "RtlBackend"]

CHUNK_CYCLES = 20_000
"""Cycles between two looks at the clock on the wall."""

WAVES_ROOM = 64 << 20
"""Bytes that must be free where waves are written, more than are written between two looks."""

_IRQ, _VIOLATION = 1, 2


def _check_writable(path: Path) -> None:
    """Verilator's writer ends the process where it fails."""
    try:
        check_writable(path, seeks=True)
        path.open("wb").close()
    except OSError as error:
        raise DriverError(f"waves: cannot write {path}: {reason(error)}") from None
    _check_room(path)


def _check_room(path: Path) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < WAVES_ROOM:
        raise DriverError(f"waves: the disk of {path} has {free:,} bytes left, allowed at least {WAVES_ROOM:,}")


def _check_stalls(stalls: float) -> None:
    if not 0 <= stalls <= 0.9:
        raise DriverError(f"stalls is {stalls}, allowed 0..0.9")


class RefusedAccess(BusProtocolError):
    """A register access that was not answered with OKAY.

    Attributes
    ----------
    response : AXI's code; None where there was no answer.
    """

    def __init__(self, what: str, offset: int, response: int | None) -> None:
        answer = "not answered" if response is None else f"answered with error response {response}"
        super().__init__(f"register {what} at offset {offset:#05x} was {answer}")
        self.response = response


class RtlBackend(SimulatedBackend):
    """The RTL of a configuration, compiled by Verilator, with a DDR model in C++.

    Parameters
    ----------
    config : the accelerator's.
    memory : the DRAM and the port before it; default: the PYNQ-Z2's, at the clock of ``config``.
    memory_base, memory_bytes : where device memory lies, multiples of 64.
    storage : uint8 [memory_bytes], where its bytes are kept; default: memory of its own.
    waves : write waveforms to this file (FST). Takes a build of its own and is slower.
    stalls : chance (0..0.9) that a bus channel pauses in a cycle, besides latency and bandwidth.
    seed : of the pauses, and of what registers without an initial value hold before their reset.
    verilog : text of the design to simulate instead of the one that ``config`` makes; same module name and ports.
    large : whether the design is large, such as a netlist: it is built in less time and runs slower.

    Raises :class:`BackendUnavailable` where the simulator cannot be built.
    """

    name = "rtl"

    def __init__(
        self,
        config: AcceleratorConfig,
        *,
        memory: MemoryModel | None = None,
        memory_base: int = MEMORY_BASE,
        memory_bytes: int = MEMORY_BYTES,
        storage: npt.NDArray[np.uint8] | None = None,
        waves: str | Path | None = None,
        stalls: float = 0.0,
        seed: int = 0,
        verilog: str | None = None,
        large: bool = False,
    ) -> None:
        _check_stalls(stalls)
        self._waves = None if waves is None else Path(waves).resolve()
        if self._waves is not None:
            _check_writable(self._waves)
        super().__init__(config, memory, SimulatedMemory(memory_base, memory_bytes, storage))
        self._handle: int | None = None
        try:
            text = design_verilog(config) if verilog is None else verilog
            self._library = load(build_library(text, trace=waves is not None, large=large))
        except CacheError as error:
            raise BackendUnavailable(f"the RTL simulator cannot be kept: {error}") from error
        self.power_up(seed, stalls=stalls)

    def power_up(self, seed: int, *, memory: MemoryModel | None = None, stalls: float = 0.0) -> None:
        """Begin again as after power comes up: registers without an initial value hold anything, drawn by ``seed``.

        The memory keeps its bytes; ``memory``, where it is given, is its timing from now on. Takes less than a
        millisecond.
        """
        _check_stalls(stalls)
        self._check_open()
        self.memory = memory or self.memory
        if self._handle is not None:
            self._library.gw_close(self._handle)
        self._handle = self._library.gw_open(
            self._memory.array.ctypes.data,
            self._memory.base,
            self._memory.nbytes,
            DramTiming.of(self.memory.dram),
            PortTiming.of(self.memory.port, self.memory.clock_mhz),
            seed,
        )
        self._library.gw_stalls(self._handle, round(256 * stalls), seed)
        if self._waves is not None:
            self._library.gw_trace_open(self._handle, os.fsencode(self._waves))

    # ---- registers

    def read(self, offset: int) -> int:
        value = ctypes.c_uint32()
        self._answered("read", offset, self._library.gw_read(self._open, offset, value))
        return value.value

    def write(self, offset: int, value: int) -> None:
        faults = self._memory.faults
        self._library.gw_faults(self._open, *faults.slverr, faults.hang)  # before a write that may start a program
        self._answered("write", offset, self._library.gw_write(self._open, offset, value))

    def lose_odd_words(self, lose: bool) -> None:
        """Every second word of the bus reads as 0 and is not written, as behind a port set to twice its width."""
        self._library.gw_lose_odd_words(self._open, lose)

    @staticmethod
    def _answered(what: str, offset: int, response: int) -> None:
        if response:
            raise RefusedAccess(what, offset, None if response < 0 else response)

    # ---- time

    def wait(self, timeout_s: float) -> bool:
        """Run the clock until the accelerator interrupts; ``timeout_s`` is time of the host that simulates.

        Raises :class:`BusProtocolError` when the design breaks a rule of AXI, :class:`DriverError` when the disk has
        no room for more waves.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            if self._waves is not None:
                _check_room(self._waves)
            if self.run(CHUNK_CYCLES):
                return True
            if time.monotonic() >= deadline:
                return False

    def run(self, cycles: int) -> bool:
        """At most so many cycles, none once the accelerator interrupts; whether it does. Raises as :meth:`wait`."""
        outcome = self._library.gw_run(self._open, cycles)
        if outcome == _VIOLATION:
            raise BusProtocolError(f"AXI: {self._library.gw_violation(self._open).decode()}")
        return bool(outcome == _IRQ)

    def reset(self) -> None:
        """Pull the design's reset for some cycles; the memory forgets its open bursts and answers again."""
        self._memory.faults.hang = False
        self._library.gw_reset(self._open)

    def close(self) -> None:
        super().close()
        if self._handle is not None:
            self._library.gw_close(self._handle)
            self._handle = None

    @property
    def _open(self) -> int:
        self._check_open()
        assert self._handle is not None
        return self._handle

    # ---- for tests and measurements

    @property
    def cycles(self) -> int:
        """Cycles simulated so far, register accesses and resets included."""
        return int(self._library.gw_cycles(self._open))

    @property
    def beats(self) -> tuple[int, int]:
        """64-bit beats that the memory has answered and taken so far."""
        return int(self._library.gw_read_beats(self._open)), int(self._library.gw_write_beats(self._open))

    @property
    def cycles_per_second(self) -> float:
        """Simulated cycles per second of host time, over all waits so far; 0 before the first."""
        seconds = float(self._library.gw_timed_seconds(self._open))
        return int(self._library.gw_timed_cycles(self._open)) / seconds if seconds else 0.0
