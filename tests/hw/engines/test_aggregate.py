"""The aggregation engine in Verilog under cocotb; ``gatewright_sim.benches.aggregate_bench`` holds the cases."""

import pytest

from gatewright.spec.config import get_config
from gatewright_hw.engines.aggregate import AggregateEngine
from gatewright_sim.benches.engine_top import EngineTop
from gatewright_sim.benches.runner import run_cocotb

CASES = [
    ("random_matrices", 1),
    ("random_matrices", 2),
    ("random_matrices", 3),
    ("feature_widths", 1),
    ("chosen_graphs", 1),
    ("faults", 1),
    ("faults", 2),
    ("reset_in_mid_command", 1),
    ("reads_fill_the_bus", 1),
]


@pytest.mark.parametrize(("case", "seed"), CASES)
def test_engine(case, seed):
    assert (
        run_cocotb(
            EngineTop(AggregateEngine(get_config("tiny"))),
            "aggregate_engine",
            "gatewright_sim.benches.aggregate_bench",
            testcase=case,
            seed=seed,
            environment={"GATEWRIGHT_CONFIG": "tiny"},
        )
        == 1
    )
