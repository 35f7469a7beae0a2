"""Registers of rare control sets first, so that nextpnr-xilinx finds a place for all of them.

The registers of a slice share clock, enable and reset. nextpnr-xilinx places registers and look-up tables one after the
other, by their names from the last to the first (``legalise_placement_strict`` of its HeAP placer), and a register
together with the look-up table that drives it for good: of those that one table drives, the one with the first name
(``pack_lutffs``). If those without enable, which are most, come first, some lie in every slice, and it looks for an
empty one for ever. So names tell how common the control set is, the rarer the later, and in each set those with a
look-up table come last.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from gatewright_hw.build.openxc7.netlist import Bit, Cell, Netlist

__all__ = ["order_registers"]

_MOST = 10**6


def order_registers(module: dict[str, Any]) -> None:
    """Rename the registers of a module, as in Yosys' JSON, and the look-up tables that drive them."""
    netlist = Netlist.of(module)
    registers = [cell for cell in netlist.cells.values() if cell.kind.startswith("FD")]
    common = Counter(_control_set(cell) for cell in registers)
    names = {}
    for register in sorted(registers, key=lambda register: (common[_control_set(register)], register.name)):
        rank = f"z{_MOST - common[_control_set(register)]:07d}"
        names[register.name] = f"{rank}-single-{register.name}"
        data = register.pins["D"][0]
        driver = netlist.drivers.get(data) if isinstance(data, int) else None
        if driver is not None and driver[0].kind.startswith(("LUT", "INV")):
            names[driver[0].name] = f"{rank}-with-{driver[0].name}"
    module["cells"] = {names.get(name, name): cell for name, cell in module["cells"].items()}


def _control_set(register: Cell) -> tuple[Bit, ...]:
    """Enable, and set or reset with whether that waits for the clock, of which there is one."""
    reset = next((register.pins[name][0] for name in ("R", "S", "CLR", "PRE") if name in register.pins), "0")
    return register.pins.get("CE", ("1",))[0], reset, register.kind[2:3]
