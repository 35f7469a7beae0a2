"""GEMM commands on the gemm engine in Verilog under cocotb; ``gatewright_sim.benches.gemm_bench`` holds the cases."""

import pytest

from gatewright_sim.benches.catalogue import run_bench

CASES = [
    ("random_products", 1),
    ("random_products", 2),
    ("random_products", 3),
    ("every_edge", 1),
    ("extreme_sums", 1),
    ("reset_in_mid_command", 1),
    ("array_stays_busy", 1),
]


@pytest.mark.parametrize(("case", "seed"), CASES)
def test_engine(case: str, seed: int) -> None:
    assert run_bench("gemm", testcase=case, seed=seed) == 1
