"""Utilisation by module, of a netlist written out by hand."""

from typing import Any

import pytest

from gatewright_hw.area import AreaError
from gatewright_hw.build.openxc7.modules import by_module
from gatewright_hw.build.openxc7.netlist import Netlist


def _cell(kind: str, pins: dict[str, list[Any]], out: str, scope: str = "") -> dict[str, Any]:
    directions = {pin: "output" if pin == out else "input" for pin in pins}
    attributes = {"scopename": scope} if scope else {}
    return {"type": kind, "connections": pins, "port_directions": directions, "attributes": attributes}


CELLS = {
    "$ff$1": _cell("FDRE", {"D": [1], "Q": [2]}, "Q", "gemm array$185"),
    "$ff$2": _cell("FDRE", {"D": [3], "Q": [4]}, "Q", "gemm"),
    "$lut$a": _cell("LUT4", {"I0": [5], "I1": [2], "O": [1]}, "O"),  # leads to gemm.array
    "$carry": _cell("CARRY4", {"S": [6, "0"], "O": [5, 7]}, "O"),
    "$lut$b": _cell("LUT2", {"I0": [4], "I1": ["1"], "O": [6]}, "O"),  # through a carry chain, too
    "$lut$c": _cell("LUT6", {"I0": [4], "O": [3]}, "O"),
    "$lut$d": _cell("LUT1", {"I0": [4], "O": [8]}, "O"),  # leads nowhere
    "vector.table.0.1": _cell("RAMB18E1", {"DO": [9]}, "DO"),
    "vector.mult": _cell("DSP48E1", {"A": [10], "P": [11]}, "P"),
    "$inv": _cell("INV", {"I": [9], "O": [10]}, "O"),
    "top_ff": _cell("FDRE", {"D": ["0"], "Q": [12]}, "Q"),
}


def test_each_module_has_its_own_cells_and_those_below() -> None:
    found = by_module(Netlist.of({"cells": CELLS}))
    assert found == {
        "gemm": {"lut": 3, "ff": 2, "bram36": 0.0, "dsp": 0},
        "gemm.array": {"lut": 2, "ff": 1, "bram36": 0.0, "dsp": 0},
        "vector": {"lut": 1, "ff": 0, "bram36": 0.5, "dsp": 1},
    }


def test_logic_between_registers_of_two_modules_counts_once() -> None:
    """For the nearer one; whatever the order of the cells."""
    pins = {"D": [1], "Q": [2]}
    between = {"$lut$1": _cell("LUT2", {"I0": [3], "O": [1]}, "O"), "$lut$2": _cell("LUT2", {"I0": [4], "O": [3]}, "O")}
    ends = {"$ff$1": _cell("FDRE", pins, "Q", "far"), "$ff$2": _cell("FDRE", {"D": [3], "Q": [5]}, "Q", "near")}
    for cells in ({**between, **ends}, {**ends, **between}):
        found = by_module(Netlist.of({"cells": cells}))
        assert {name: amounts["lut"] for name, amounts in found.items()} == {"far": 1, "near": 1}


def test_a_cell_that_was_not_mapped_is_named() -> None:
    with pytest.raises(AreaError, match=r"1 cells of type \$add were not mapped"):
        by_module(Netlist.of({"cells": {"x.sum": _cell("$add", {"Y": [1]}, "Y")}}))
