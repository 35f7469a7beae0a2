"""How fast the golden kernels are on this machine (`make bench`)."""

import pytest

from gatewright_sim.golden.manifest import CASES


@pytest.mark.parametrize("name", ["gemm_minilm_projection", "attention_minilm", "aggregate_power_law"])
def test_golden(name: str, benchmark) -> None:
    benchmark(CASES[name].golden)
