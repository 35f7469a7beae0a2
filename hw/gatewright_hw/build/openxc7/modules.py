"""What each module of a flat netlist takes.

Registers, memories and multipliers say which instances they come from. Look-up tables do not: synthesis makes them of
the logic of several modules. Each counts for the module of the nearest cell that it leads to and that says it.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import asdict

from gatewright_hw.area import area_of_cells
from gatewright_hw.build.flow import RESOURCES
from gatewright_hw.build.openxc7.netlist import Netlist

__all__ = ["by_module"]


def by_module(netlist: Netlist) -> dict[str, dict[str, float]]:
    """Mapped cells by resource for each module below the top, by its path of instances, those inside it included.

    Raises :class:`~gatewright_hw.area.AreaError` that names a cell which was not mapped.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for name, module in _modules(netlist).items():
        instances = module.split(".") if module else []
        for depth in range(1, len(instances) + 1):
            counts[".".join(instances[:depth])][netlist.cells[name].kind] += 1
    amounts = {module: asdict(area_of_cells(cells)).values() for module, cells in sorted(counts.items())}
    return {module: dict(zip(RESOURCES, each, strict=True)) for module, each in amounts.items()}


def _modules(netlist: Netlist) -> dict[str, str]:
    """The module of every cell that has one or leads to one that has."""
    found = {name: cell.scope for name, cell in sorted(netlist.cells.items()) if cell.scope}
    open_ = deque(found)
    while open_:
        cell = netlist.cells[open_.popleft()]
        for pin, bits in sorted(cell.pins.items()):
            for bit in bits if pin not in cell.outputs else ():
                driver = netlist.drivers.get(bit) if isinstance(bit, int) else None
                if driver is not None and driver[0].name not in found:
                    found[driver[0].name] = found[cell.name]
                    open_.append(driver[0].name)
    return found
