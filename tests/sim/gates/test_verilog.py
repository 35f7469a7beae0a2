"""A netlist as Verilog: cells without a model, constants, and what its registers begin with."""

import re
from typing import Any

import pytest

from gatewright_hw.synthesis import synthesised
from gatewright_sim.gates.errors import GateError
from gatewright_sim.gates.verilog import _constant, cells_by_kind, gates_of

VERILOG = """
module sample(input clk, input a, input [4:0] at, output q, output s, output r);
  reg [3:0] count = 5;
  reg [15:0] line;
  reg memory [0:31];
  always @(posedge clk) begin
    count <= count + a;
    line <= {line, a};
    if (a) memory[at] <= q;
  end
  assign q = count[3], s = line[15], r = memory[at ^ 1];
endmodule
"""


def one_cell(kind: str) -> dict[str, Any]:
    cell = {"type": kind, "parameters": {}, "connections": {"O": [2]}, "port_directions": {"O": "output"}}
    return {"ports": {"o": {"direction": "output", "bits": [2]}}, "cells": {"a": cell}}


@pytest.mark.parametrize("kind", ["PS7", "$mul", "RAMB8BWER"])
def test_a_cell_without_a_model(kind: str) -> None:
    with pytest.raises(GateError, match=rf"^no model of cells {re.escape(kind)} is known"):
        gates_of(one_cell(kind), "top")


@pytest.mark.parametrize(
    ("value", "text"),
    [("0101", "4'b0101"), ("x1", "2'bx1"), ("SDP", '"SDP"'), ("10 ", '"10"'), ("", '""'), ("A ", '"A "')],
)
def test_parameters(value: str, text: str) -> None:
    assert _constant(value) == text


@pytest.mark.parametrize("keeps", [False, True])
def test_registers_begin_with_anything_or_as_the_bitstream_says(
    keeps: bool, shared_cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(shared_cache))
    module = synthesised(VERILOG, "sample")
    kinds = cells_by_kind(module)
    assert {"FDRE", "SRL16E"} <= kinds.keys()
    assert any(kind.startswith("RAM") for kind in kinds)
    text = gates_of(module, "sample", keeps=keeps)
    found = re.findall(r"^\s*initial \w+|^\s*reg [^;=]+=", text, re.M)
    assert bool(found) == keeps
