"""The RTL of every bench in the catalogue against the golden model, under cocotb: a case that stands in a bench's table
runs here."""

import pytest

from gatewright_sim.benches.catalogue import BENCHES, run_bench

CASES = [
    pytest.param(name, case.name, seed, id=f"{name}-{case.name}-{seed}")
    for name, bench in BENCHES.items()
    for case in bench.table.cases
    for seed in case.seeds
]


@pytest.mark.parametrize(("bench", "case", "seed"), CASES)
def test_bench(bench: str, case: str, seed: int) -> None:
    assert run_bench(bench, case=case, seed=seed) == 1
