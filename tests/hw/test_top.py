"""The top's registers, sequencer, bus, errors and resets, with engines that only copy."""

import re
from pathlib import Path

import pytest

from gatewright.spec.config import get_config
from gatewright_hw.top import ROUTES, Top
from gatewright_hw.verilog import to_verilog
from gatewright_sim.benches import top_bench
from gatewright_sim.benches.copy_engine import CopyEngine
from gatewright_sim.benches.runner import run_cocotb

BENCH = "gatewright_sim.benches.top_bench"
CASES = re.findall(r"@cocotb\.test\(\)\nasync def (\w+)", Path(top_bench.__file__).read_text())


@pytest.fixture(scope="module")
def design() -> str:
    return to_verilog(Top(get_config("tiny"), {name: CopyEngine() for name in set(ROUTES.values())}), "gatewright_top")


@pytest.mark.parametrize("case", CASES)
def test_top(design: str, case: str) -> None:
    assert run_cocotb(design, "gatewright_top", BENCH, testcase=case) == 1
