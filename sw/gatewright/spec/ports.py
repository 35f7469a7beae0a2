"""How wide the processing system takes its ports to the fabric to be: registers that boot sets, and a download may.

Zynq-7000: UG585, AFI_RDCHAN_CTRL and AFI_WRCHAN_CTRL. Zynq UltraScale+: UG1085, "AXI Interface Programming"; UG1087,
AFIFM and FPD_SLCR. A port of another width than the fabric's loses or misplaces lanes, in silence.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.spec.clocks import Family
from gatewright.spec.errors import SpecError
from gatewright.spec.registers import BitField

__all__ = ["PORT_WIDTHS", "PortWidth", "port_width"]


@dataclass(frozen=True)
class PortWidth:
    """Where a port's width is kept.

    Parameters
    ----------
    family, port : of the processing system, and the port's name there.
    addresses : physical addresses of the registers that must agree, reads' before writes'.
    field : the same in each of them.
    codes : the field's value for each width in bits.
    boot_bits : width that the boot loader leaves.
    """

    family: Family
    port: str
    addresses: tuple[int, ...]
    field: BitField
    codes: dict[int, int]
    boot_bits: int

    def bits(self, value: int) -> int | None:
        """The width that a register's value stands for; None for a code that is reserved."""
        code = value >> self.field.lsb & (1 << self.field.width) - 1
        return next((bits for bits, known in self.codes.items() if known == code), None)

    def encoded(self, bits: int) -> int:
        """The field's bits, in place, for a width. Raises :class:`SpecError`."""
        if bits not in self.codes:
            raise SpecError(f"port {self.port} of {bits} bits, allowed: {', '.join(map(str, sorted(self.codes)))}")
        return self.codes[bits] << self.field.lsb


_READ, _WRITE = 0x00, 0x14


def _zynq7(index: int) -> PortWidth:
    base = 0xF800_8000 + 0x1000 * index
    field = BitField("32BitEn", 0, 1, "")
    return PortWidth(Family.ZYNQ7, f"S_AXI_HP{index}", (base + _READ, base + _WRITE), field, {64: 0, 32: 1}, 64)


def _zynqmp(port: str, base: int) -> PortWidth:
    field = BitField("FABRIC_WIDTH", 0, 2, "")
    return PortWidth(Family.ZYNQMP, port, (base + _READ, base + _WRITE), field, {128: 0, 64: 1, 32: 2}, 128)


def _zynqmp_master(port: str, field: BitField) -> PortWidth:
    return PortWidth(Family.ZYNQMP, port, (0xFD61_5000,), field, {32: 0, 64: 1, 128: 2}, 128)


PORT_WIDTHS = (
    *(_zynq7(index) for index in range(4)),
    *(
        _zynqmp(f"S_AXI_{name}_FPD", 0xFD36_0000 + 0x1_0000 * index)
        for index, name in enumerate(("HPC0", "HPC1", "HP0", "HP1", "HP2", "HP3"))
    ),
    _zynqmp_master("M_AXI_HPM0_FPD", BitField("DW_SS0_SEL", 8, 2, "")),
    _zynqmp_master("M_AXI_HPM1_FPD", BitField("DW_SS1_SEL", 10, 2, "")),
)


def port_width(family: Family, port: str) -> PortWidth:
    """The entry of a family's port; :class:`SpecError` where it has none."""
    for entry in PORT_WIDTHS:
        if entry.family is family and entry.port == port:
            return entry
    known = [entry.port for entry in PORT_WIDTHS if entry.family is family]
    raise SpecError(f"no port {port!r} in {family.value}, allowed: {', '.join(known)}")
