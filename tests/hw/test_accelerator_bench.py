"""The whole accelerator against the golden machine, cases in benches/accelerator_bench.py."""

import pytest

from gatewright.spec.config import get_config
from gatewright.spec.registers import BLOCK_NAME
from gatewright_hw.generate import verilog
from gatewright_sim.benches.harness.runner import run_cocotb

CASES = (
    "gemm_programs",
    "attention_programs",
    "aggregate_programs",
    "vector_programs",
    "mixed_programs",
    "resets_in_mid_command",
    "errors_in_the_data",
)


@pytest.fixture(scope="module")
def design() -> str:
    return verilog(get_config("tiny"))


@pytest.mark.parametrize("case", CASES)
def test_top_equals_golden(design: str, case: str) -> None:
    assert run_cocotb(design, BLOCK_NAME, "gatewright_sim.benches.accelerator_bench", testcase=case) == 1
