"""The processing system's registers that software for the fabric touches: clocks, resets, level shifters.

Zynq-7000: UG585, SLCR. Zynq UltraScale+: UG1087, CRL_APB and CRF_APB. What no rule here concerns keeps what is written.
"""

from __future__ import annotations

from collections.abc import Callable

from gatewright.spec.boards import Board
from gatewright.spec.clocks import ClockBlock, Family
from gatewright.spec.registers import BitField

__all__ = ["APU_CLOCKS", "FPGA_RST_CTRL", "SystemRegisters", "boot_values"]

SLCR_LOCK, SLCR_UNLOCK, SLCR_LOCKSTA = 0x004, 0x008, 0x00C
LOCK_KEY, UNLOCK_KEY = 0x767B, 0xDF0D
PLL_STATUS, PSS_IDCODE = 0x10C, 0x530
FPGA_RST_CTRL, LVL_SHFTR_EN = 0x240, 0x900
SHIFTERS_ON = 0xF

APU_CLOCKS = (0xFD1A_0000, 0x1000)
"""CRF_APB of Zynq UltraScale+: base and bytes. PYNQ reads it and uses none of it for the fabric."""

_BOOT_DIVISORS = (5, 2)


def _field(bits: BitField, value: int) -> int:
    return value << bits.lsb


def boot_values(board: Board) -> dict[int, int]:
    """Registers of the clock block as the boot loader leaves them, by offset."""
    block = board.family.clocks
    values = {}
    for pll in board.plls:
        control = _field(block.multiplier, pll.multiplier)
        if block.halved is not None:
            control |= _field(block.halved, pll.halved)
        values[block.pll_control[pll.name]] = control
    boot = board.clock_at_most(board.boot_mhz)
    for offset in block.control:
        value = _field(block.divisor0, boot.divisor0) | _field(block.divisor1, boot.divisor1)
        values[offset] = value | (_field(block.running, 1) if block.running else 0)
    if board.family is Family.ZYNQ7:
        values |= {PLL_STATUS: 0x3F, PSS_IDCODE: 1 << 28 | (board.idcode or 0), LVL_SHFTR_EN: SHIFTERS_ON}
    return values


class SystemRegisters:
    """A register block that keeps what is written, Zynq-7000's lock included.

    Linux leaves the SLCR unlocked, which PYNQ relies on.

    Parameters
    ----------
    values : at power-on, by offset; 0 elsewhere.
    lockable : whether writes need the SLCR's key after a lock.
    changed : called with the offset after each write that took effect.
    """

    def __init__(self, values: dict[int, int], *, lockable: bool, changed: Callable[[int], None]) -> None:
        self._values = dict(values)
        self._lockable = lockable
        self._locked = False
        self._changed = changed

    def read(self, offset: int) -> int:
        if self._lockable and offset == SLCR_LOCKSTA:
            return int(self._locked)
        return self._values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        if self._lockable and offset in (SLCR_LOCK, SLCR_UNLOCK):
            if value == (LOCK_KEY if offset == SLCR_LOCK else UNLOCK_KEY):
                self._locked = offset == SLCR_LOCK
            return
        if self._locked or (self._lockable and offset in (SLCR_LOCKSTA, PLL_STATUS, PSS_IDCODE)):
            return
        self._values[offset] = value
        self._changed(offset)

    @property
    def shifters_on(self) -> bool:
        """Whether signals pass between processing system and fabric, which only Zynq-7000's software can stop."""
        return not self._lockable or self.read(LVL_SHFTR_EN) & SHIFTERS_ON == SHIFTERS_ON

    def field(self, offset: int, bits: BitField) -> int:
        """One field of a register."""
        return self.read(offset) >> bits.lsb & (1 << bits.width) - 1

    def fabric_mhz(self, block: ClockBlock, crystal_mhz: float, index: int = 0) -> float:
        """What the dividers make of the PLL that the clock's source field selects; 0 where it stands still."""
        control = block.control[index]
        if block.running is not None and not self.field(control, block.running):
            return 0.0
        product = self.field(control, block.divisor0) * self.field(control, block.divisor1)
        source = self.field(control, block.source)
        if block.halved is None and source == 1:
            source = 0  # Zynq-7000: 0 and 1 are both the IO PLL
        pll = next((name for name, code in block.source_code.items() if code == source), None)
        if not product or pll is None:
            return 0.0
        offset = block.pll_control[pll]
        halved = block.halved is not None and self.field(offset, block.halved)
        return crystal_mhz * self.field(offset, block.multiplier) / (2 if halved else 1) / product
