"""What a netlist takes of the part, before hours of placement show that it does not fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from gatewright_hw.area import PARTS, Area, AreaError, area_of_cells
from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.netlist import Netlist

__all__ = ["check_fits", "utilisation"]

_CELLS_OF_A_LUT = 2
"""A look-up table of six inputs can hold two cells, where these share inputs."""


def utilisation(netlist: Netlist) -> dict[str, float]:
    """Mapped cells by resource. Raises :class:`BuildError` that names a cell which was not mapped."""
    return {name.removesuffix("48e1"): amount for name, amount in asdict(_area(netlist)).items()}


def check_fits(netlist: Netlist, device: str) -> list[str]:
    """Remarks on what is tight. Raises :class:`BuildError` that names a resource of which ``device`` has too little."""
    part, taken = PARTS[device], _area(netlist)
    for name, amount in asdict(taken).items():
        has = getattr(part, name) * (_CELLS_OF_A_LUT if name == "lut" else 1)
        if amount > has:
            raise BuildError(f"synthesis: the design takes {amount:,g} {name} of the {has:,g} that {device} has")
    if taken.lut > part.lut:
        return [f"{taken.lut:,} cells are to share the {part.lut:,} look-up tables of {device}: placement may not end"]
    return []


def _area(netlist: Netlist) -> Area:
    try:
        return area_of_cells(Counter(cell.kind for cell in netlist.cells.values()))
    except AreaError as error:
        raise BuildError(f"synthesis: {error}") from None
