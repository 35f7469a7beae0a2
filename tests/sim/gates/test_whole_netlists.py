# amaranth: UnusedElaboratable=no
"""Whole netlists: every kernel's golden vectors and a program, in the RTL's cycles; a wrong cell is found."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gatewright.driver import Accelerator
from gatewright.selftest import run_vectors
from gatewright.spec.config import get_config
from gatewright.spec.registers import BLOCK_NAME
from gatewright_hw.engines.aggregate.engine import AggregateEngine
from gatewright_hw.synthesis import synthesised
from gatewright_hw.top import ROUTES, Top
from gatewright_hw.verilog import to_verilog
from gatewright_sim.benches.harness.copy_engine import CopyEngine
from gatewright_sim.gates.command import main
from gatewright_sim.gates.verilog import gates_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("config", "seed"), [("tiny", 1), ("tiny", 2), ("pynq-z2", 1)])
def test_gates_are_the_rtl_and_the_golden_model(config: str, seed: int, tmp_path: Path, capsys) -> None:
    assert main(["--config", config, "--seed", str(seed), "--out", str(tmp_path)]) == 0, capsys.readouterr().out
    assert capsys.readouterr().out.count("as golden, bit for bit") == 5


@cache
def _aggregate() -> dict[str, Any]:
    """The netlist of an accelerator of `tiny` whose other engines only copy."""
    config = get_config("tiny")
    engines = {name: CopyEngine() for name in dict.fromkeys(ROUTES.values())}
    top = Top(config, {**engines, "aggregate": AggregateEngine(config)})
    return synthesised(to_verilog(top, BLOCK_NAME), BLOCK_NAME)


def _failure(module: dict[str, Any]) -> str:
    with Accelerator("tiny", "rtl", verilog=gates_of(module, BLOCK_NAME), large=True, timeout_s=600) as accelerator:
        return run_vectors(accelerator, "aggregate").failure


def test_one_engine() -> None:
    assert not _failure(_aggregate())


@pytest.mark.parametrize(
    ("kind", "part", "name", "value"),
    [
        ("DSP48E1", "parameters", "MREG", "0"),
        ("SRL16E", "connections", "A1", ["0"]),  # of a result's sign
        ("RAMB36E1", "connections", "WEBWE", ["1"] * 7 + ["0"]),
    ],
)
def test_golden_vectors_find_a_wrong_cell(kind: str, part: str, name: str, value: Any) -> None:
    module = deepcopy(_aggregate())
    cell = next(cell for cell in module["cells"].values() if cell["type"] == kind and cell[part].get(name) != value)
    cell[part][name] = value
    assert _failure(module)
