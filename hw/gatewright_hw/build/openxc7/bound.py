"""How fast a design may run whose tool leaves block RAM, DSP48E1 and PS7 untimed.

A path that begins or ends at such a cell is not in nextpnr-xilinx's report, whatever lies between. The bound takes such
a path to be as long in the fabric as the longest one that was timed, adds the slowest clock-to-output and the slowest
set-up of the untimed cells of this netlist, and ten per cent for skew, jitter and what the model does not know. It is
an estimate, and called a bound in the manifest; who has a board raises the clock by tests.

Arcs: speed grade -1 of XC7Z010 and XC7Z020, DS187, and for PS7 the database of Project X-Ray (``timings/PSS2.sdf``).
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright_hw.build.openxc7.netlist import Cell, Netlist

__all__ = ["MARGIN", "Arcs", "Bound", "arcs", "bound"]

MARGIN = 1.10

_RAM_OUT, _RAM_OUT_REGISTERED, _RAM_IN = 2.46, 0.89, 0.74
_P_FROM_P, _P_FROM_M, _P_FROM_INPUTS = 0.45, 2.31, 5.93
_IN_REGISTERED, _IN_TO_AD, _IN_TO_M, _IN_TO_P = 0.69, 2.09, 3.37, 5.47
_C_TO_P, _CONTROL_TO_P = 1.70, 2.21
_PS7_OUT, _PS7_IN = 1.54, 1.09


@dataclass(frozen=True)
class Arcs:
    """Nanoseconds from the clock to the slowest output that is used, and before the clock at the slowest such input."""

    out: float
    into: float


@dataclass(frozen=True)
class Bound:
    """The fastest clock that we stand for, what it rests on, and the kinds of cells that were not timed."""

    mhz: float
    text: str
    untimed: tuple[str, ...]


def bound(netlist: Netlist, routed_mhz: float) -> Bound:
    """The bound for a netlist whose timed paths allow ``routed_mhz``."""
    found = [(cell, slow) for cell in netlist.cells.values() if (slow := arcs(cell)) is not None]
    if not found:
        return Bound(routed_mhz / MARGIN, f"{routed_mhz:.2f} MHz as routed, less {MARGIN - 1:.0%} of period", ())
    first, out = max(((cell.kind, slow.out) for cell, slow in found), key=lambda entry: entry[1])
    last, into = max(((cell.kind, slow.into) for cell, slow in found), key=lambda entry: entry[1])
    period = (1e3 / routed_mhz + out + into) * MARGIN
    text = (
        f"{MARGIN:g} times {1e3 / routed_mhz:.2f} ns of the longest path that was timed, "
        f"{out:.2f} ns from the clock to an output of {first}, {into:.2f} ns of set-up at {last}"
    )
    return Bound(1e3 / period, text, tuple(sorted({f"paths from and to {cell.kind}" for cell, _ in found})))


def arcs(cell: Cell) -> Arcs | None:
    """The arcs of a cell that nextpnr-xilinx leaves out; None for others."""
    match cell.kind:
        case "PS7":
            return Arcs(_PS7_OUT, _PS7_IN)
        case "RAMB18E1" | "RAMB36E1" | "FIFO18E1" | "FIFO36E1":
            registered = all(cell.number(f"DO{port}_REG", 0) for port in "AB")
            return Arcs(_RAM_OUT_REGISTERED if registered else _RAM_OUT, _RAM_IN)
        case "DSP48E1":
            return _dsp(cell)
        case _:
            return None


def _dsp(cell: Cell) -> Arcs:
    stages = {name: cell.number(f"{name}REG", 1) for name in ("A", "B", "C", "D", "AD", "M", "P", "OPMODE", "ALUMODE")}
    pre_adds = cell.text("USE_DPORT", "FALSE") == "TRUE"
    out = _P_FROM_P if stages["P"] else _P_FROM_M if stages["M"] else _P_FROM_INPUTS
    into = [_IN_REGISTERED]
    operands = [stages["A"], stages["B"], *([stages["D"]] if pre_adds else [])]
    if not all(operands):
        held = pre_adds and stages["AD"] and stages["B"]
        into.append(_IN_TO_AD if held else _IN_TO_M if stages["M"] else _IN_TO_P)
    if not stages["C"]:
        into.append(_C_TO_P)
    if not (stages["OPMODE"] and stages["ALUMODE"]) and _is_dynamic(cell):
        into.append(_CONTROL_TO_P)
    return Arcs(out, max(into))


def _is_dynamic(cell: Cell) -> bool:
    return any(isinstance(bit, int) for bus in ("OPMODE", "ALUMODE") for bit in cell.pins.get(bus, ()))
