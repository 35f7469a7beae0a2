"""Yosys for 7 series: a flat netlist of cells, kept, since it takes minutes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gatewright.cache import cached_directory, digest
from gatewright_hw.yosys import run_yosys

__all__ = ["synthesised"]

_SYNTHESIS = (
    "read_verilog design.v; hierarchy -top {top}; proc; flatten -scopename; "  # cells remember where they come from
    "synth_xilinx -family xc7 -top {top} -flatten -noiopad; write_json netlist.json"
)


def synthesised(text: str, top: str) -> dict[str, Any]:
    """The flat module of Verilog ``text``, as in Yosys' JSON. Raises
    :class:`~gatewright_hw.yosys.YosysError`."""
    key = digest(text, top, _SYNTHESIS, run_yosys(["-V"], Path.cwd()))

    def make(work: Path) -> None:
        (work / "design.v").write_text(text)
        run_yosys(["-q", "-p", _SYNTHESIS.format(top=top)], work)

    netlist = cached_directory("netlist", key, make) / "netlist.json"
    module: dict[str, Any] = json.loads(netlist.read_text())["modules"][top]
    return module
