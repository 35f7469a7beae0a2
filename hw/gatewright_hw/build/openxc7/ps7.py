"""The processing system's pins in a bitstream against the netlist.

PS7 has no bits of its own: what counts is which wires of the fabric lead to and from it.
"""

from __future__ import annotations

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.decoded import Decoded
from gatewright_hw.build.openxc7.netlist import Netlist
from gatewright_hw.build.openxc7.placement import misled, site_of

__all__ = ["check_ps7"]

KIND = "PS7"
_PADS = ("DDR", "MIO", "PSCLK", "PSPORB", "PSSRSTB")
"""Pins that lead to pads of the package, not to the fabric, begin so; but for the fabric's hint to the DDR arbiter."""
_ARBITER = "DDRARB"


def check_ps7(decoded: Decoded, netlist: Netlist, placed: Netlist) -> int:
    """Compare every input of the PS7 with what drives it in the bitstream; how many there are.

    An input that is constant in ``netlist`` must be that constant; one that a cell drives must come from the site where
    ``placed`` has that cell. Raises :class:`BuildError` that names the first pin that differs, and how many more do.
    """
    cells = netlist.of_kind(KIND)
    if len(cells) != 1:
        raise BuildError(f"the netlist has {len(cells)} PS7, allowed: one")
    cell = cells[0]
    site, count, wrong = site_of(placed, cell.name), 0, []
    for pin, bits in sorted(cell.pins.items()):
        if pin in cell.outputs or (pin.startswith(_PADS) and not pin.startswith(_ARBITER)):
            continue
        for index, bit in enumerate(bits):
            if bit == "x":
                continue
            count += 1
            name = pin if len(bits) == 1 else f"{pin}{index}"
            source = decoded.source(*decoded.database.site_wire(site, name))
            if isinstance(bit, int):
                wrong += misled(decoded, placed, cell.name, name, source)
            elif source.constant != int(bit):
                wrong.append(f"{name} is driven by {source}, constant {bit} in the netlist")
    if wrong:
        more = f"; and {len(wrong) - 1} more differences" if len(wrong) > 1 else ""
        raise BuildError(f"read back, the bitstream differs from the netlist at PS7 {cell.name}: {wrong[0]}{more}")
    return count
