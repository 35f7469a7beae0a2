"""Timings of the memory as its C++ has them: whole picoseconds."""

from __future__ import annotations

import ctypes
from pathlib import Path

from gatewright.spec.dram import TRANSFERS, Dram
from gatewright.spec.memory_port import MemoryPort

__all__ = ["HEADERS", "DramTiming", "PortTiming"]

HEADERS = tuple(Path(__file__).with_name(name) for name in ("memory_port.hpp", "dram.hpp"))
"""The C++ that has these timings."""

_PATIENCE = 32
"""Accesses that may be served before an older one: a controller keeps nobody waiting for ever."""

_TURN_CLOCKS = 2
"""Cycles of its clock between a read's data and a write's, in which nobody drives the bus (JESD79-3F)."""


def _ps(ns: float) -> int:
    return round(ns * 1000)


class DramTiming(ctypes.Structure):
    """``gatewright::DramTiming`` of dram.hpp."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("access_bytes", "row_bytes", "banks", "bank_groups")),
        *((name, ctypes.c_uint32) for name in ("queue", "write_high", "run", "patience")),
        *((name, ctypes.c_uint64) for name in ("transfer", "group_transfer", "read_delay", "write_delay")),
        *((name, ctypes.c_uint64) for name in ("activate", "precharge", "open_least")),
        *((name, ctypes.c_uint64) for name in ("read_to_precharge", "write_to_precharge")),
        *((name, ctypes.c_uint64) for name in ("activate_to_activate", "four_activates")),
        *((name, ctypes.c_uint64) for name in ("write_to_read", "read_to_write", "refresh", "refresh_period")),
    )

    @classmethod
    def of(cls, dram: Dram) -> DramTiming:
        """The timing of ``dram``."""
        same = ("access_bytes", "row_bytes", "banks", "bank_groups", "queue", "write_high", "run")
        times = (
            "activate", "precharge", "open_least", "read_to_precharge", "write_to_precharge", "activate_to_activate",
            "four_activates", "write_to_read", "refresh", "refresh_period",
        )  # fmt: skip
        clock, transfer = dram.clock_ns, TRANSFERS / 2
        return cls(
            **{name: getattr(dram, name) for name in same},
            **{name: _ps(getattr(dram, name)) for name in times},
            patience=_PATIENCE,
            transfer=_ps(transfer * clock),
            group_transfer=_ps(max(transfer * clock, dram.group_access)),
            read_delay=_ps(dram.read_clocks * clock),
            write_delay=_ps(dram.write_clocks * clock),
            read_to_write=_ps((dram.read_clocks - dram.write_clocks + transfer + _TURN_CLOCKS) * clock),
        )


class PortTiming(ctypes.Structure):
    """``gatewright::PortTiming`` of memory_port.hpp."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("beat_bytes", "outstanding_reads", "outstanding_writes")),
        *((name, ctypes.c_uint32) for name in ("way_cycles", "back_cycles")),
        *((name, ctypes.c_uint64) for name in ("way", "back")),
        ("burst_cycles", ctypes.c_double),
        ("period", ctypes.c_uint64),
    )

    @classmethod
    def of(cls, port: MemoryPort, clock_mhz: float) -> PortTiming:
        """The timing of ``port`` in a fabric of ``clock_mhz``: half the way goes to the controller, half back."""
        return cls(
            beat_bytes=port.beat_bytes,
            outstanding_reads=port.commands,
            outstanding_writes=port.commands,
            way_cycles=port.way_cycles // 2,
            back_cycles=port.way_cycles - port.way_cycles // 2,
            way=_ps(port.way_ns / 2),
            back=_ps(port.way_ns / 2),
            burst_cycles=port.burst_cycles,
            period=round(1e6 / clock_mhz),
        )
