"""Where place and route put a cell, and what it let drive a pin, as nextpnr notes it in the JSON that it writes."""

from __future__ import annotations

import re

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.decoded import Decoded, Source
from gatewright_hw.build.openxc7.netlist import Netlist

__all__ = ["misled", "site_of"]

_SITE = re.compile(r"([A-Z][A-Z0-9]*_X\d+Y\d+)")


def site_of(placed: Netlist, name: str) -> str:
    """The site of the cell ``name``. Raises :class:`BuildError` where it has none."""
    cell = placed.cells.get(name)
    found = _SITE.search(cell.attributes.get("NEXTPNR_BEL", "")) if cell else None
    if found is None:
        raise BuildError(f"place and route left no site for the cell {name}")
    return found[1]


def misled(decoded: Decoded, placed: Netlist, name: str, pin: str, source: Source) -> list[str]:
    """What is wrong where ``source`` drives a pin that a net drives in the netlist, in words.

    ``pin`` has its index in its name, as it is called after place and route.
    """
    bits = placed.cells[name].pins.get(pin, ())
    driver = placed.drivers.get(bits[0]) if bits and isinstance(bits[0], int) else None
    if driver is None or not source.tile:
        return [f"{pin} is driven by {source}, by a net in the netlist"]
    tile = decoded.database.tile_of_site[site_of(placed, driver[0].name)]
    if tile.name == source.tile:
        return []
    return [f"{pin} is driven by {source}, by {driver[0].name} in {tile.name} in the netlist"]
