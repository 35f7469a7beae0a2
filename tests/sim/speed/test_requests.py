"""The bound of a whole request: its busiest engine, or all of its bytes."""

import pytest

from gatewright.driver.report import EngineReport, Report
from gatewright_sim.speed.requests import _counted


@pytest.mark.parametrize(
    ("gemm", "attention", "vector", "memory", "bound"),
    [
        (300, 80, 350, 10, 380),  # products and attentions are the work of one array
        (100, 80, 350, 10, 350),
        (100, 80, 70, 100, 400),
    ],
)
def test_bound(gemm: int, attention: int, vector: int, memory: int, bound: int) -> None:
    engines = (("gemm", gemm), ("attention", attention), ("aggregate", 1), ("vector", vector))
    report = Report(1, 1000, 0, 0, tuple(EngineReport(name, 1, 500, least, memory) for name, least in engines))
    counted = _counted(report)
    assert counted.cycles == 1000
    assert counted.bound == bound
    assert counted.min_cycles_memory == 4 * memory
