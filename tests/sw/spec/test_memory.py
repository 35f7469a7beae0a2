"""The memory model: its limits, and the cycles that bytes take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gatewright.spec.dram import DDR3_1050_X16
from gatewright.spec.errors import SpecError
from gatewright.spec.memory import MemoryModel
from gatewright.spec.memory_port import ZYNQ7_HP, ZYNQMP_HP


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clock_mhz": 0.5}, r"clock_mhz is 0\.5, allowed 1\.\.1000"),
        ({"clock_mhz": float("nan")}, "clock_mhz is nan"),
        ({"port": ZYNQMP_HP}, "the port's beat_bytes is 16, allowed 8"),
    ],
)
def test_memory_models_out_of_range(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"memory model: {message}"):
        MemoryModel(**change)


@pytest.mark.parametrize(
    ("model", "read", "written", "ports", "cycles"),
    [
        (MemoryModel(), 80, 8, 1, 10),
        (MemoryModel(), 8, 81, 1, 11),
        (MemoryModel(), 80, 8, 2, 5),
        (MemoryModel(), 8, 81, 2, 11),
        (MemoryModel(), 84_000, 0, 4, 4000),
        (MemoryModel(dram=replace(DDR3_1050_X16, mega_transfers=200.0)), 80, 40, 2, 30),
    ],
)
def test_bytes_take_cycles(model: MemoryModel, read: int, written: int, ports: int, cycles: int) -> None:
    """Through all ports at once, but for writes, and no faster than the DRAM."""
    assert model.min_cycles(read, written, ports) == cycles


def test_a_memory_at_the_fabrics_clock() -> None:
    """Nanoseconds are as many cycles as the clock has in them; bytes a cycle fall with it."""
    slow, fast = MemoryModel(), MemoryModel(200.0)
    assert (slow.dram_bytes_per_cycle, fast.dram_bytes_per_cycle) == (pytest.approx(21.0), pytest.approx(10.5))
    way = ZYNQ7_HP.way_cycles + 2
    assert fast.slowest_beat - way == pytest.approx(2 * (slow.slowest_beat - way), abs=2)
