"""A flat netlist of 7-series cells, and what Yosys knows of these cells' delays; kept, since it takes minutes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from gatewright.cache import cached_directory, digest
from gatewright.spec.errors import GatewrightError
from gatewright_hw.area import AreaError, find_yosys

__all__ = ["TimingError", "delays", "synthesised"]

TIMEOUT_S = 3600

_SYNTHESIS = (
    "read_verilog design.v; hierarchy -top {top}; proc; flatten -scopename; "  # cells remember where they come from
    "synth_xilinx -family xc7 -top {top} -flatten -noiopad; write_json netlist.json"
)
_DELAYS = "read_verilog -specify -lib +/xilinx/cells_sim.v; delete =*/p:*; write_json cells.json"


class TimingError(GatewrightError):
    """Yosys is missing or fails, or a netlist that cannot be timed."""


def synthesised(text: str, top: str) -> dict[str, Any]:
    """The flat module of Verilog ``text``, as in Yosys' JSON."""
    yosys = _yosys()
    key = digest(text, top, _SYNTHESIS, _run(yosys, ["-V"], Path.cwd()))

    def make(work: Path) -> None:
        (work / "design.v").write_text(text)
        _run(yosys, ["-q", "-p", _SYNTHESIS.format(top=top)], work)

    folder = cached_directory("netlist", key, make)
    module: dict[str, Any] = _modules(folder / "netlist.json")[top]
    return module


def delays() -> dict[str, Any]:
    """Yosys' cells for 7 series by name, each with its ``specify`` block as cells, in JSON."""
    yosys = _yosys()
    key = digest(_DELAYS, _run(yosys, ["-V"], Path.cwd()))
    folder = cached_directory("cells", key, lambda work: _run(yosys, ["-q", "-p", _DELAYS], work))
    return _modules(folder / "cells.json")


def _modules(path: Path) -> dict[str, Any]:
    modules: dict[str, Any] = json.loads(path.read_text())["modules"]
    return modules


def _yosys() -> str:
    try:
        return find_yosys()
    except AreaError as error:
        raise TimingError(str(error)) from None


def _run(yosys: str, arguments: list[str], folder: Path) -> str:
    try:
        done = subprocess.run([yosys, *arguments], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise TimingError(f"Yosys took more than {TIMEOUT_S} s") from None
    if done.returncode:
        last = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["it said nothing"]
        raise TimingError(f"Yosys ended with code {done.returncode}: {last[-1]}")
    return done.stdout
