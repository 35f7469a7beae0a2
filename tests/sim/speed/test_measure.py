"""Workloads on the RTL of `tiny`: what is kept, and under which conditions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright.spec.csr import CsrMatrix
from gatewright_sim.speed import graphs, measure, parts
from gatewright_sim.speed.conditions import Conditions
from gatewright_sim.speed.kernels import attention, gemm
from gatewright_sim.speed.workload import Counted, Workload

TINY = get_config("tiny")
FAST, SLOW = Conditions(100.0), Conditions(125.0, 0.5)


def _quiet(stage: str, done: int, total: int) -> None:
    assert 0 <= done <= total


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Conditions]]:
    """What was asked of an accelerator that takes 100 cycles for anything; nothing is kept from before."""
    found = []

    def count(workload: Workload, config: AcceleratorConfig, conditions: Conditions) -> Counted:
        found.append((workload.what, conditions))
        return Counted(100, 70, 80)

    def part(config: AcceleratorConfig) -> Iterator[Workload]:
        for what in ("one", "two"):
            yield Workload("part", what, what, lambda _: Counted(0, 0, 0))

    monkeypatch.setattr(measure, "count", count)
    monkeypatch.setattr(measure, "_simulator", lambda config: "one that was built")
    monkeypatch.setattr(parts, "PARTS", {"gemm": part, "graph-size": part})
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))
    return found


def test_each_workload_under_each_of_the_conditions(asked: list[tuple[str, Conditions]]) -> None:
    found = measure.measure(TINY, ["gemm"], [FAST, SLOW], _quiet)
    assert asked == [(what, each) for what in ("one", "two") for each in (FAST, SLOW)]
    assert [(each.what, each.conditions) for each in found.measurements] == asked
    assert found.config == "tiny"


def test_scaling_sees_the_first_of_the_conditions_alone(asked: list[tuple[str, Conditions]]) -> None:
    measure.measure(TINY, ["graph-size"], [FAST, SLOW], _quiet)
    assert asked == [("one", FAST), ("two", FAST)]


def test_what_was_measured_is_kept(asked: list[tuple[str, Conditions]], monkeypatch: pytest.MonkeyPatch) -> None:
    first = measure.measure(TINY, ["gemm"], [FAST], _quiet)
    assert measure.measure(TINY, ["gemm", "graph-size"], [FAST], _quiet).measurements[:2] == first.measurements
    assert len(asked) == 2
    monkeypatch.setattr(measure, "_simulator", lambda config: "one of other RTL")
    measure.measure(TINY, ["gemm"], [FAST], _quiet)
    assert len(asked) == 4


@pytest.mark.parametrize("part", [gemm, attention])
def test_a_kernel_on_the_rtl(part: parts.Part) -> None:
    (workload,) = part(TINY)
    counted = measure.count(workload, TINY, FAST)
    assert counted.cycles >= counted.bound >= counted.min_cycles_memory > 0
    assert counted.hit_rate is None


def test_an_aggregation_on_the_rtl_says_how_many_rows_came_from_memory(rng: np.random.Generator) -> None:
    degrees = rng.integers(0, 9, 30)
    row_ptr = np.concatenate([[0], np.cumsum(degrees)])
    edges = int(row_ptr[-1])
    graph = CsrMatrix.from_float(row_ptr, rng.integers(0, 20, edges), rng.uniform(0.1, 1, edges), 20)
    workload = graphs._workload("aggregation", "small", graph, 24)
    counted = measure.count(workload, TINY, FAST)
    assert 0 <= counted.hit_rate <= 1
    assert counted.min_cycles_compute == edges * 24 // TINY.aggregate_lanes
    assert replace(counted, hit_rate=None) == Counted(
        counted.cycles, counted.min_cycles_compute, counted.min_cycles_memory
    )
