"""Synthesis: a flat netlist of the part's cells, kept."""

from pathlib import Path

import pytest

import gatewright_hw.synthesis as synthesis
from gatewright_hw.synthesis import synthesised
from gatewright_hw.yosys import YosysFails, run_yosys

VERILOG = "module sum(input clk, input [7:0] a, output reg [7:0] q); always @(posedge clk) q <= q + a; endmodule"


@pytest.fixture(autouse=True)
def _cache(shared_cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(shared_cache))


def test_a_netlist_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module = synthesised(VERILOG, "sum")
    assert {"FDRE", "CARRY4"} <= {cell["type"] for cell in module["cells"].values()}
    version = run_yosys(["-V"], Path.cwd())
    monkeypatch.setattr(synthesis, "run_yosys", lambda arguments, folder: version if arguments == ["-V"] else 1 / 0)
    assert synthesised(VERILOG, "sum") == module


def test_bad_verilog_is_an_error() -> None:
    with pytest.raises(YosysFails, match="Yosys ended with code 1: "):
        synthesised("module broken(", "broken")
