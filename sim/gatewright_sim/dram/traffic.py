"""Streams of bursts through the ports of a simulated memory, and the rates that they reach."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path

from gatewright.cache import cached_directory, digest
from gatewright.spec.dram import Dram
from gatewright.spec.errors import SpecError
from gatewright.spec.memory_port import MemoryPort
from gatewright_sim.cxx import compile_library
from gatewright_sim.dram.timing import HEADERS, DramTiming, PortTiming

__all__ = ["Stream", "rates"]

CYCLES = 100_000
"""Long enough that latency, refreshes and turns average out."""

_INPUTS = 8  # of the controller
_HERE = Path(__file__).parent
_NAME = "libtraffic.so"


@dataclass(frozen=True)
class Stream:
    """A master on a port of its own that is always ready.

    Parameters
    ----------
    start, nbytes : where it reads and writes, again and again; multiples of its bursts.
    beats : of each burst, 1..16.
    input : of the controller, which ports may share, 0..7.
    writes : share of its bursts, 0..1.
    scattered : bursts at random places instead of one after the other.
    """

    start: int
    nbytes: int
    beats: int = 16
    input: int = 0
    writes: float = 0.0
    scattered: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (("beats", 1, 16), ("input", 0, _INPUTS - 1), ("writes", 0, 1), ("start", 0, 1 << 40)):
            if not low <= getattr(self, name) <= high:
                raise SpecError(f"stream: {name} is {getattr(self, name)}, allowed {low}..{high}")


class _Stream(ctypes.Structure):
    """``Stream`` of traffic.cpp."""

    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("start", "nbytes")),
        *((name, ctypes.c_uint32) for name in ("beats", "input", "writes_of_256", "random")),
    )


@cache
def _library() -> ctypes.CDLL:
    sources = [_HERE / "traffic.cpp", *HEADERS]
    key = digest(*(path.read_bytes() for path in sources))
    folder = cached_directory("traffic", key, lambda path: compile_library(sources[:1], path / _NAME))
    return ctypes.CDLL(str(folder / _NAME))


def rates(
    dram: Dram, port: MemoryPort, clock_mhz: float, streams: Sequence[Stream], cycles: int = CYCLES
) -> tuple[float, ...]:
    """Beats a cycle of each of ``streams``, a port each, over ``cycles`` of a fabric of ``clock_mhz``.

    Raises :class:`SpecError`, and :class:`BackendUnavailable` without a C++ compiler.
    """
    for stream in streams:
        burst = stream.beats * port.beat_bytes
        for name in ("start", "nbytes"):
            if getattr(stream, name) % burst or not stream.nbytes:
                given = getattr(stream, name)
                raise SpecError(f"stream: {name} is {given}, allowed: multiples of {burst}, its bursts' bytes")
    rows = [astuple(stream) for stream in streams]
    asked = (_Stream * len(rows))(*(_Stream(*row[:4], round(256 * row[4]), row[5]) for row in rows))
    beats = (ctypes.c_uint64 * len(rows))()
    timings = DramTiming.of(dram), PortTiming.of(port, clock_mhz)
    _library().gw_traffic(
        ctypes.byref(timings[0]), ctypes.byref(timings[1]), _INPUTS, asked, len(rows), ctypes.c_uint64(cycles), beats
    )
    return tuple(moved / cycles for moved in beats)
