"""The buffers that pass the clock on to a row, in a bitstream: each that is used must be enabled.

One that is not leaves all registers behind it standing still, in silence (openXC7/nextpnr-xilinx, issue 177).
"""

from __future__ import annotations

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.database import PASSES_ON
from gatewright_hw.build.openxc7.decoded import Decoded

__all__ = ["check_clock_buffers"]


def check_clock_buffers(decoded: Decoded) -> int:
    """Find every BUFHCE that is used, whose enable must be constant and on; how many there are.

    Raises :class:`BuildError` that names one that is off, or not constant; none of our designs stops a clock.
    """
    used = 0
    for tile in decoded.database.tiles.values():
        for site in (name for name, kind in tile.sites.items() if kind == PASSES_ON):
            x, y = (int(text) for text in site.rsplit("_X", 1)[1].split("Y"))
            here = f"{PASSES_ON}.{PASSES_ON}_X{x}Y{y % _A_ROW}"
            if not decoded.has(tile, f"{here}.IN_USE"):
                continue
            used += 1
            source = decoded.source(*decoded.database.site_wire(site, "CE"))
            inverted = not decoded.has(tile, f"{here}.ZINV_CE")
            if source.constant is None or source.constant ^ int(inverted) != 1:
                raise BuildError(f"read back, the clock buffer {site} is not enabled: its enable is driven by {source}")
    return used


_A_ROW = 12
"""BUFHCEs on either side of a row, after which the database's names begin anew."""
