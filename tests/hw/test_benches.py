"""The RTL of every bench in the catalogue against the golden model, under cocotb: a case that stands in a bench's table
runs here, with each of its seeds on the benches' usual configuration, with the first on another."""

import pytest

from gatewright_sim.benches.catalogue import BENCHES, CONFIG, run_bench

CASES = [
    pytest.param(name, case.name, seed, id=f"{name}-{case.name}-{seed}")
    for name, bench in BENCHES.items()
    for case in bench.table.cases
    for seed in case.seeds[: None if bench.design.config == CONFIG else 1]
]


@pytest.mark.parametrize(("bench", "case", "seed"), CASES)
def test_bench(bench: str, case: str, seed: int) -> None:
    assert run_bench(bench, case=case, seed=seed) == 1
