"""ATTENTION commands on the gemm engine in Verilog under cocotb; ``gatewright_sim.benches.attention_bench`` holds the
cases."""

import pytest

from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm import GemmEngine
from gatewright_sim.benches.engine_top import EngineTop
from gatewright_sim.benches.runner import run_cocotb

CASES = [
    ("random_attentions", 1),
    ("random_attentions", 2),
    ("random_attentions", 3),
    ("every_edge", 1),
    ("extreme_weights", 1),
    ("reset_in_mid_command", 1),
    ("array_stays_busy", 1),
]


@pytest.mark.parametrize(("case", "seed"), CASES)
def test_engine(case, seed):
    assert (
        run_cocotb(
            EngineTop(GemmEngine(get_config("tiny"))),
            "gemm_engine",
            "gatewright_sim.benches.attention_bench",
            testcase=case,
            seed=seed,
            environment={"GATEWRIGHT_CONFIG": "tiny"},
        )
        == 1
    )
