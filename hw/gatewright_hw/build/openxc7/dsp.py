"""Every DSP48E1 of a bitstream against its cell of the netlist: registers, modes, and what its inputs get.

Place and route has got these wrong in silence, so that a multiplier left out its operand (openXC7/nextpnr-xilinx, pull
request 159). Pins and parameters: UG479, 7 Series DSP48E1 Slice. Some inputs have switches of their own to 0 and
1; a constant there comes from those, with the slice's inverter off, as Vivado 2026.1 was measured to set them (in that
request). Constants of the other pins come from the fabric, inverted or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.database import Tile
from gatewright_hw.build.openxc7.decoded import Decoded
from gatewright_hw.build.openxc7.netlist import Bit, Cell, Netlist
from gatewright_hw.build.openxc7.placement import misled, site_of

__all__ = ["check_dsps", "differences"]

_INVERTIBLE = ("INMODE", "OPMODE", "ALUMODE", "CARRYIN")
_ELSEWHERE = ("CLK", "ACIN", "BCIN", "PCIN", "CARRYCASCIN", "MULTSIGNIN")
"""Inputs that do not come from the fabric: the clock, whose inverter is a feature, and the slice below."""
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
        wrong += [f"{cell.name}: {text}" for text in differences(decoded, cell, placed)]
    if wrong:
        more = f"; and {len(wrong) - 1} more differences" if len(wrong) > 1 else ""
        raise BuildError(f"read back, the bitstream differs from the netlist in DSP48E1 {wrong[0]}{more}")
    return len(cells)


def differences(decoded: Decoded, cell: Cell, placed: Netlist) -> list[str]:
    """What is not as the cell says, in words."""
    site = site_of(placed, cell.name)
    tile, _ = decoded.database.site_wire(site, "OPMODE0")
    here = _Slice(decoded, placed, cell, site, tile, f"DSP_{_place(tile, site)}")
    found = [
        f"{name} is {'set' if is_set else 'clear'} at {site}"
        for name, wanted in _features(cell)
        if (is_set := here.has(name)) is not wanted
    ]
    for port, bits in sorted(cell.pins.items()):
        if port not in cell.outputs and port not in _ELSEWHERE:
            for index, bit in enumerate(bits):
                if bit != "x":
                    found += here.pin(port, index, bit)
    return found


@dataclass(frozen=True)
class _Slice:
    """A cell, and the slice that it was placed on: its site, the tile of that, and its name within the tile."""

    decoded: Decoded
    placed: Netlist
    cell: Cell
    site: str
    tile: Tile
    name: str

    def has(self, feature: str) -> bool:
        return self.decoded.has(self.tile, f"DSP48.{self.name}.{feature}")

    def pin(self, port: str, index: int, wanted: Bit) -> list[str]:
        """What is wrong with one input."""
        alone = len(self.cell.pins[port]) == 1
        name = port if alone else f"{port}{index}"
        on = port in _INVERTIBLE and not self.has(f"ZIS_{port}_INVERTED{'' if alone else f'[{index}]'}")
        turned = self.cell.number(f"IS_{port}_INVERTED", 0) >> index & 1
        source = self.decoded.source(*self.decoded.database.site_wire(self.site, name))
        if isinstance(wanted, int):
            wrong = misled(self.decoded, self.placed, self.cell.name, name, source)
            turn = "inverted" if on else "not inverted"
            return wrong if on == bool(turned) else [*wrong, f"{name} is {turn} at {self.site}"]
        value = int(wanted) ^ turned
        ties = [f"{self.name}_{name}.DSP_{level}_{self.tile.kind[-1]}" for level in ("GND", "VCC")]
        if self.decoded.known(self.tile, ties[0]):
            closed = [self.decoded.has(self.tile, tie) for tie in ties]
            if closed == [value == 0, value == 1] and not on:
                return []
            state = f"tied to {' and '.join(str(level) for level in (0, 1) if closed[level]) or 'nothing'}"
            return [f"{name} is {state}{', inverted,' if on else ''} at {self.site}, constant {value} in the netlist"]
        if source.constant is None:
            return [f"{name} is driven by {source} at {self.site}, constant {value} in the netlist"]
        got = source.constant ^ int(on)
        return [] if got == value else [f"{name} is {got} at {self.site}, {value} in the netlist"]


def _place(tile: Tile, site: str) -> int:
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
