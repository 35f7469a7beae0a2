"""The vector engine in Verilog under cocotb; ``gatewright_sim.benches.vector_bench`` holds the cases."""

import pytest

from gatewright_sim.benches.catalogue import run_bench

CASES = [
    ("random_operations", 1),
    ("random_operations", 2),
    ("random_operations", 3),
    ("every_combination_of_types", 1),
    ("row_widths", 1),
    ("row_widths", 2),
    ("extreme_rows", 1),
    ("many_short_rows", 1),
    ("reset_in_mid_command", 1),
    ("reset_in_mid_command", 2),
    ("groups_fill_the_bus", 1),
]


@pytest.mark.parametrize(("case", "seed"), CASES)
def test_engine(case: str, seed: int) -> None:
    assert run_bench("vector", testcase=case, seed=seed) == 1
