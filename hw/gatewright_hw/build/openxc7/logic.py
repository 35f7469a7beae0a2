"""The slowest logic of a netlist, the arcs that nextpnr-xilinx leaves out included."""

from __future__ import annotations

import json
from pathlib import Path

from gatewright_hw.build.errors import BuildError
from gatewright_hw.timing import TimingError, analyse, load_library
from gatewright_hw.yosys import YosysError

__all__ = ["slowest_logic"]


def slowest_logic(netlist: Path, top: str) -> float:
    """Nanoseconds, without wires, of the slowest path of module ``top`` in a JSON file. Raises :class:`BuildError`."""
    try:
        paths = analyse(json.loads(netlist.read_text())["modules"][top], load_library())
    except (YosysError, TimingError) as error:
        raise BuildError(f"timing of the logic: {error}") from None
    return max((path.ns for path in paths), default=0.0)
