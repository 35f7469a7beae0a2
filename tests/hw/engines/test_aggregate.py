"""The aggregation engine in Verilog under cocotb; ``gatewright_sim.benches.aggregate_bench`` holds the cases."""

import pytest

from gatewright_sim.benches.catalogue import run_bench

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
def test_engine(case: str, seed: int) -> None:
    assert run_bench("aggregate", testcase=case, seed=seed) == 1
