"""The clocks that a Zynq's processing system gives the fabric: registers, fields, and which frequencies they can make.

Zynq-7000: UG585, "Clocks" and the SLCR's registers. Zynq UltraScale+: UG1085 and UG1087, module CRL_APB.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gatewright.spec.errors import SpecError
from gatewright.spec.registers import BitField

__all__ = ["MAX_DIVISOR", "ClockBlock", "ClockSetting", "Family", "Pll", "clock_settings", "fastest_at_most"]

MAX_DIVISOR = 63
"""Both dividers have six bits; 0 stops the clock."""


@dataclass(frozen=True)
class ClockBlock:
    """Where a family keeps the dividers of its fabric clocks.

    Parameters
    ----------
    base, size : physical address and bytes of the register block.
    control : byte offset of each fabric clock's control register.
    divisor0, divisor1, source : the fields of it.
    running : the field that must be 1 for the clock to run; None where a clock always runs.
    pll_control : byte offset of each PLL's control register, by the PLL's name.
    multiplier, halved : its fields: the feedback divider, and whether the output is halved (None: never).
    source_code : the source field's value for each PLL.
    ports_mhz : the fastest clock of the AXI ports between processing system and fabric, at any speed grade. Zynq
        UltraScale+: DS925, "Processor System (PS) Performance Characteristics", table "PS-PL Interface Performance",
        F_AXICLK. Zynq-7000: F_AXI_MAX of the table of that name in DS187, as it is remembered: nobody has compared it
        with the sheet. Vivado's ZYNQ7 Processing System offers fabric clocks of 0.1 to the same 250 MHz.
    """

    base: int
    size: int
    control: tuple[int, ...]
    divisor0: BitField
    divisor1: BitField
    source: BitField
    running: BitField | None
    pll_control: dict[str, int]
    multiplier: BitField
    halved: BitField | None
    source_code: dict[str, int]
    ports_mhz: float


class Family(Enum):
    """A family of parts with a processing system."""

    ZYNQ7 = "zynq7"
    ZYNQMP = "zynqmp"

    @property
    def clocks(self) -> ClockBlock:
        """Its clock registers."""
        return _BLOCKS[self]


def _field(name: str, lsb: int, width: int) -> BitField:
    return BitField(name, lsb, width, "")


_BLOCKS = {
    Family.ZYNQ7: ClockBlock(
        base=0xF800_0000,
        size=0x1000,
        control=(0x170, 0x180, 0x190, 0x1A0),
        divisor0=_field("DIVISOR0", 8, 6),
        divisor1=_field("DIVISOR1", 20, 6),
        source=_field("SRCSEL", 4, 2),
        running=None,
        pll_control={"ARM": 0x100, "DDR": 0x104, "IO": 0x108},
        multiplier=_field("PLL_FDIV", 12, 7),
        halved=None,
        source_code={"IO": 0, "ARM": 2, "DDR": 3},
        ports_mhz=250.0,
    ),
    Family.ZYNQMP: ClockBlock(
        base=0xFF5E_0000,
        size=0x100,
        control=(0xC0, 0xC4, 0xC8, 0xCC),
        divisor0=_field("DIVISOR0", 8, 6),
        divisor1=_field("DIVISOR1", 16, 6),
        source=_field("SRCSEL", 0, 3),
        running=_field("CLKACT", 24, 1),
        pll_control={"IO": 0x20, "RPU": 0x30},
        multiplier=_field("FBDIV", 8, 7),
        halved=_field("DIV2", 16, 1),
        source_code={"IO": 0, "RPU": 2},
        ports_mhz=333.0,
    ),
}


@dataclass(frozen=True)
class Pll:
    """A PLL as the boot loader leaves it: output = crystal * multiplier, halved where ``halved``."""

    name: str
    multiplier: int
    halved: bool = False

    def mhz(self, crystal_mhz: float) -> float:
        """The output's frequency."""
        return crystal_mhz * self.multiplier / (2 if self.halved else 1)


@dataclass(frozen=True)
class ClockSetting:
    """Two dividers after a PLL, and the clock that they make."""

    divisor0: int
    divisor1: int
    mhz: float

    @classmethod
    def of(cls, pll_mhz: float, divisor0: int, divisor1: int) -> ClockSetting:
        """What two dividers make of a PLL's output. Raises :class:`SpecError` where one is no divider."""
        for name, value in (("divisor0", divisor0), ("divisor1", divisor1)):
            if not 1 <= value <= MAX_DIVISOR:
                raise SpecError(f"{name} is {value}, allowed 1..{MAX_DIVISOR}")
        return cls(divisor0, divisor1, pll_mhz / (divisor0 * divisor1))


def clock_settings(pll_mhz: float) -> list[ClockSetting]:
    """Every frequency that two dividers make of a PLL's output, fastest first, each with the least second divider."""
    found: dict[int, ClockSetting] = {}
    for second in range(1, MAX_DIVISOR + 1):
        for first in range(1, MAX_DIVISOR + 1):
            found.setdefault(first * second, ClockSetting.of(pll_mhz, first, second))
    return [found[product] for product in sorted(found)]


def fastest_at_most(pll_mhz: float, mhz: float) -> ClockSetting:
    """The fastest setting that is not above ``mhz``. Raises :class:`SpecError` where even the slowest is."""
    settings = clock_settings(pll_mhz)
    for setting in settings:
        if setting.mhz <= mhz * (1 + 1e-9):
            return setting
    raise SpecError(f"clock of {mhz:g} MHz, allowed: {settings[-1].mhz:g} to {settings[0].mhz:g}")
