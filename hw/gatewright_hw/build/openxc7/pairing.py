"""Multipliers in pairs, so that nextpnr-xilinx finds a place for more of them than a part has tiles.

A tile holds two DSP48E1. nextpnr-xilinx puts a cell that no cascade leads to into the lower one, always (``pack_dsps``
fixes its place in the tile); the upper one is for cells that a cascade leads to. With more such cells than tiles its
placement does not end, and does not say why. So cells that have no cascade get one in pairs: a wire from PCOUT of the
lower to PCIN of the upper, whose OPMODE never selects PCIN (UG479, table 2-9). It has wires of its own in the tile, and
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.netlist import Cell, Netlist

__all__ = ["pair_multipliers"]

_OUT = ("PCOUT", "ACOUT", "BCOUT", "CARRYCASCOUT", "MULTSIGNOUT")
_IN = ("PCIN", "ACIN", "BCIN", "CARRYCASCIN", "MULTSIGNIN")
_WIDTH = 48


def pair_multipliers(module: dict[str, Any], tiles: int) -> int:
    """Join the DSP48E1 of a module, as in Yosys' JSON, in pairs where more than ``tiles`` have no cascade to them.

    The number of pairs. Neighbours in the hierarchy come to lie in one tile. Raises :class:`BuildError` where more
    than ``tiles`` are left without a cascade, since placement would try for ever.
    """
    netlist = Netlist.of(module)
    cells = netlist.of_kind("DSP48E1")
    roots = [cell for cell in cells if not _is_wired(cell, _IN)]
    if len(roots) <= tiles:
        return 0
    alone = [cell for cell in roots if not netlist.read_bits & set(_nets(cell, _OUT))]
    alone.sort(key=lambda cell: (cell.scope, cell.name))
    pairs = _pairs(alone)
    if len(roots) - len(pairs) > tiles:
        raise BuildError(
            f"{len(roots)} DSP48E1 need {len(roots) - len(pairs)} tiles, in pairs where they can be, "
            f"allowed: {tiles}, all that the part has"
        )
    free = 1 + max(_all_nets(module), default=1)
    for net, (below, above) in enumerate(pairs, free):
        _connect(module, below, "PCOUT", "output", net, "x")
        _connect(module, above, "PCIN", "input", net, "0")
    return len(pairs)


def _pairs(cells: list[Cell]) -> list[tuple[Cell, Cell]]:
    """Neighbours, the lower first; a cell that may read the cascade is never the upper."""
    found: list[tuple[Cell, Cell]] = []
    waiting: Cell | None = None
    for cell in cells:
        if waiting is None:
            waiting = cell
        elif not _reads_cascade(cell):
            found.append((waiting, cell))
            waiting = None
        elif not _reads_cascade(waiting):
            found.append((cell, waiting))
            waiting = None
    return found


def _nets(cell: Cell, pins: Iterable[str]) -> list[int]:
    return [bit for pin in pins for bit in cell.pins.get(pin, ()) if isinstance(bit, int)]


def _is_wired(cell: Cell, pins: Iterable[str]) -> bool:
    return bool(_nets(cell, pins))


def _reads_cascade(cell: Cell) -> bool:
    """Whether multiplexer Z may select PCIN, which is 01 in OPMODE's bits 5 and 4."""
    opmode = cell.pins.get("OPMODE", ())
    inverted = cell.number("IS_OPMODE_INVERTED", 0)
    never = {4: "01"[inverted >> 4 & 1], 5: "10"[inverted >> 5 & 1]}  # what the pins are for 0 and 1 inside
    return len(opmode) < 6 or not any(opmode[index] == level for index, level in never.items())


def _all_nets(module: dict[str, Any]) -> Iterable[int]:
    groups = [bits for cell in module["cells"].values() for bits in cell["connections"].values()]
    groups += [net["bits"] for net in module["netnames"].values()]
    return (bit for bits in groups for bit in bits if isinstance(bit, int))


def _connect(module: dict[str, Any], cell: Cell, pin: str, direction: str, net: int, rest: str) -> None:
    entry = module["cells"][cell.name]
    bits = list(entry["connections"].get(pin) or [rest] * _WIDTH)
    entry["connections"][pin] = [net, *bits[1:]]
    entry["port_directions"][pin] = direction
