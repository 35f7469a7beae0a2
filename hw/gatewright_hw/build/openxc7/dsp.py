"""Every DSP48E1 of a bitstream against its cell of the netlist: registers, inputs, and what its control pins get.

Place and route has got these wrong in silence, so that a multiplier left out its operand (openXC7/nextpnr-xilinx, pull
request 159). Pins and parameters: UG479, 7 Series DSP48E1 Slice. Some control pins have switches of their own to 0 and
1; a constant there comes from those, with the slice's inverter off, as Vivado 2026.1 was measured to set them (in that
request). Constants of the other pins come from the fabric, inverted or not.
"""

from __future__ import annotations

from collections.abc import Iterator

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.database import Tile
from gatewright_hw.build.openxc7.decoded import Decoded
from gatewright_hw.build.openxc7.netlist import Cell, Netlist
from gatewright_hw.build.openxc7.placement import site_of

__all__ = ["CONTROLS", "check_dsps", "differences"]

_BUSES = {"INMODE": 5, "OPMODE": 7, "ALUMODE": 4, "CARRYINSEL": 3}
CONTROLS = {
    "CARRYIN": ("CARRYIN",),
    **{bus: tuple(f"{bus}{i}" for i in range(width)) for bus, width in _BUSES.items()},
}
"""Control pins by their ports."""
_PLAIN = ("CARRYINSEL",)
"""Ports without inverters."""
_REGISTERS = {
    "ADREG": 1,
    "ALUMODEREG": 1,
    "CARRYINREG": 1,
    "CARRYINSELREG": 1,
    "CREG": 1,
    "DREG": 1,
    "INMODEREG": 1,
    "MREG": 1,
    "OPMODEREG": 1,
    "PREG": 1,
}
"""Registers of 0 or 1 stages, and the stages of a cell that does not say."""


def check_dsps(decoded: Decoded, netlist: Netlist, placed: Netlist) -> int:
    """Compare every DSP48E1 of ``netlist`` with the bitstream at the site where ``placed`` has it; how many there are.

    Raises :class:`BuildError` that names the first cell that differs, in what, and how many more do.
    """
    cells = netlist.of_kind("DSP48E1")
    wrong = []
    for cell in cells:
        wrong += [f"{cell.name}: {text}" for text in differences(decoded, cell, site_of(placed, cell.name))]
    if wrong:
        more = f"; and {len(wrong) - 1} more differences" if len(wrong) > 1 else ""
        raise BuildError(f"read back, the bitstream differs from the netlist in DSP48E1 {wrong[0]}{more}")
    return len(cells)


def differences(decoded: Decoded, cell: Cell, site: str) -> list[str]:
    """What is not as the cell says, in words."""
    tile, _ = decoded.database.site_wire(site, "OPMODE0")
    slice_name = f"DSP_{_place(decoded, tile, site)}"
    found = [
        f"{name} is {'set' if is_set else 'clear'} at {site}"
        for name, wanted in _features(cell)
        if (is_set := decoded.has(tile, f"DSP48.{slice_name}.{name}")) is not wanted
    ]
    for port, names in CONTROLS.items():
        for index, name in enumerate(names):
            found += _pin(decoded, cell, tile, slice_name, site, port, index, name)
    return found


def _place(decoded: Decoded, tile: Tile, site: str) -> int:
    """0 for the lower slice of a tile, 1 for the upper."""
    sites = [name for name, kind in tile.sites.items() if kind == "DSP48E1"]
    return sorted(sites, key=lambda name: int(name.rsplit("Y", 1)[1])).index(site)


def _features(cell: Cell) -> Iterator[tuple[str, bool]]:
    """Each feature of the slice, and whether it must be set."""
    for name, default in _REGISTERS.items():
        yield f"Z{name}[0]", cell.number(name, default) == 0
    for operand in "AB":
        stages = cell.number(f"{operand}REG", 1)
        yield f"{operand}REG_0", stages == 0
        yield f"{operand}REG_2", stages == 2
        yield f"{operand}_INPUT[0]", cell.text(f"{operand}_INPUT", "DIRECT") == "CASCADE"
    yield "USE_DPORT[0]", cell.text("USE_DPORT", "FALSE") == "TRUE"
    simd = cell.text("USE_SIMD", "ONE48")
    yield "USE_SIMD_FOUR12", simd == "FOUR12"
    yield "USE_SIMD_FOUR12_TWO24", simd in ("FOUR12", "TWO24")
    reset = cell.text("AUTORESET_PATDET", "NO_RESET")
    yield "AUTORESET_PATDET_RESET", reset == "RESET_MATCH"
    yield "AUTORESET_PATDET_RESET_NOT_MATCH", reset == "RESET_NOT_MATCH"
    yield "ZIS_CLK_INVERTED", cell.number("IS_CLK_INVERTED", 0) == 0


def _pin(
    decoded: Decoded, cell: Cell, tile: Tile, slice_name: str, site: str, port: str, index: int, name: str
) -> list[str]:
    given = cell.pins.get(port, ())
    wanted = given[index] if index < len(given) else "x"
    if wanted == "x":
        return []
    place = f"[{index}]" if name != port else ""
    on = port not in _PLAIN and not decoded.has(tile, f"DSP48.{slice_name}.ZIS_{port}_INVERTED{place}")
    turned = cell.number(f"IS_{port}_INVERTED", 0) >> index & 1
    source = decoded.source(*decoded.database.site_wire(site, name))
    if isinstance(wanted, int):
        if source.constant is not None or not source.exists:
            return [f"{name} is driven by {source} at {site}, by a net in the netlist"]
        return [] if on == bool(turned) else [f"{name} is {'' if on else 'not '}inverted at {site}"]
    value = int(wanted) ^ turned
    ties = [f"{slice_name}_{name}.DSP_{level}_{tile.kind[-1]}" for level in ("GND", "VCC")]
    if decoded.known(tile, ties[0]):
        closed = [decoded.has(tile, tie) for tie in ties]
        if closed == [value == 0, value == 1] and not on:
            return []
        state = f"tied to {' and '.join(str(level) for level in (0, 1) if closed[level]) or 'nothing'}"
        return [f"{name} is {state}{', inverted,' if on else ''} at {site}, constant {value} in the netlist"]
    if source.constant is None:
        return [f"{name} is driven by {source} at {site}, constant {value} in the netlist"]
    return [] if source.constant ^ int(on) == value else [f"{name} is {1 - value} at {site}, {value} in the netlist"]
