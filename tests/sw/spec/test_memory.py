"""The memory model: its limits, and the cycles that bytes take."""

from __future__ import annotations

from typing import Any

import pytest

from gatewright.spec.errors import SpecError
from gatewright.spec.memory import MemoryModel


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"read_latency": 0}, r"read_latency is 0, allowed 1\.\.10000"),
        ({"write_latency": 10_001}, "write_latency is 10001"),
        ({"dram_bytes_per_cycle": 0.0}, r"dram_bytes_per_cycle is 0\.0"),
        ({"outstanding_reads": 65}, r"outstanding_reads is 65, allowed 1\.\.64"),
        ({"outstanding_writes": 0}, "outstanding_writes is 0"),
    ],
)
def test_memory_models_out_of_range(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"memory model: {message}"):
        MemoryModel(**change)


@pytest.mark.parametrize(
    ("model", "read", "written", "cycles"),
    [
        (MemoryModel(), 80, 8, 10),
        (MemoryModel(), 8, 81, 11),
        (MemoryModel(dram_bytes_per_cycle=4), 80, 40, 30),
    ],
)
def test_bytes_take_cycles(model: MemoryModel, read: int, written: int, cycles: int) -> None:
    assert model.min_cycles(read, written) == cycles


def test_a_port_at_its_clock() -> None:
    """Nanoseconds are as many cycles as the clock has in them; bytes a cycle fall with it."""
    assert MemoryModel.of_port(100.0, 1050.0, 16) == MemoryModel()  # the defaults: PYNQ-Z2 at 100 MHz
    assert MemoryModel.of_port(200.0, 1050.0, 16) == MemoryModel(96, 48, 10.5)
    assert MemoryModel.of_port(2.1, 1050.0, 16).write_latency == 1
