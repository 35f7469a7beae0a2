"""Where place and route put a cell, as nextpnr notes it in the JSON that it writes."""

from __future__ import annotations

import re

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.netlist import Netlist

__all__ = ["site_of"]

_SITE = re.compile(r"([A-Z][A-Z0-9]*_X\d+Y\d+)")


def site_of(placed: Netlist, name: str) -> str:
    """The site of the cell ``name``. Raises :class:`BuildError` where it has none."""
    cell = placed.cells.get(name)
    found = _SITE.search(cell.attributes.get("NEXTPNR_BEL", "")) if cell else None
    if found is None:
        raise BuildError(f"place and route left no site for the cell {name}")
    return found[1]
