"""Yosys for 7 series: a flat netlist of cells, kept, since it takes minutes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from gatewright.cache import cached_directory, digest
from gatewright.spec.errors import GatewrightError
from gatewright_hw.area import AreaError, find_yosys

__all__ = ["SynthesisError", "run_yosys", "synthesised"]

TIMEOUT_S = 3600

_SYNTHESIS = (
    "read_verilog design.v; hierarchy -top {top}; proc; flatten -scopename; "  # cells remember where they come from
    "synth_xilinx -family xc7 -top {top} -flatten -noiopad; write_json netlist.json"
)


class SynthesisError(GatewrightError):
    """Yosys is missing or fails."""


def synthesised(text: str, top: str) -> dict[str, Any]:
    """The flat module of Verilog ``text``, as in Yosys' JSON. Raises :class:`SynthesisError`."""
    key = digest(text, top, _SYNTHESIS, run_yosys(["-V"], Path.cwd()))

    def make(work: Path) -> None:
        (work / "design.v").write_text(text)
        run_yosys(["-q", "-p", _SYNTHESIS.format(top=top)], work)

    netlist = cached_directory("netlist", key, make) / "netlist.json"
    module: dict[str, Any] = json.loads(netlist.read_text())["modules"][top]
    return module


def run_yosys(arguments: list[str], folder: Path) -> str:
    """What Yosys prints when it runs in ``folder``. Raises :class:`SynthesisError`."""
    try:
        done = subprocess.run([find_yosys(), *arguments], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S)
    except AreaError as error:
        raise SynthesisError(str(error)) from None
    except subprocess.TimeoutExpired:
        raise SynthesisError(f"Yosys took more than {TIMEOUT_S} s") from None
    if done.returncode:
        last = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["it said nothing"]
        raise SynthesisError(f"Yosys ended with code {done.returncode}: {last[-1]}")
    return done.stdout
