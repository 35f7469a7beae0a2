"""How fast a design may run whose tool leaves block RAM, DSP48E1 and PS7 untimed.

A path that begins or ends at such a cell is not in nextpnr-xilinx's report, whatever lies between. So the bound takes
the longer of two estimates of it:

* its fabric is as slow as the longest path that was timed, and the slowest clock-to-output and the slowest set-up of
  the untimed cells of this netlist come on top. A path that is all wire is in here, with the wire that was routed;
* its logic is the slowest of the netlist, arcs of those cells included, and its wires stretch it as much as they do
  the longest path that was timed, but no less than 2 and no more than 3 times. One path's share of wire says little of
  another's: each cell adds about one wire to a path, whatever its logic, so that a timed path of two wires across the
  die has ten times its logic, and one along a carry chain hardly more than its logic. Twice is what paths with short
  wires have on these parts, three times those through crowded ones.

Ten per cent are added for skew, jitter and what neither knows. It is an estimate, and called a bound in the manifest;
who has a board raises the clock by tests.

Arcs: speed grade -1 of XC7Z010 and XC7Z020, DS187, and for PS7 the database of Project X-Ray (``timings/PSS2.sdf``).
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright_hw.build.openxc7.netlist import Cell, Netlist
from gatewright_hw.build.openxc7.timing import Timing

__all__ = ["MARGIN", "STRETCH", "Arcs", "Bound", "arcs", "bound"]

MARGIN = 1.10
STRETCH = (2.0, 3.0)
"""How many times as long as its logic a path is at least and at most, for the second estimate."""

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


def bound(netlist: Netlist, timing: Timing, logic_ns: float) -> Bound:
    """The bound for a netlist with these timed paths, whose slowest logic takes ``logic_ns``."""
    found = [(cell, slow) for cell in netlist.cells.values() if (slow := arcs(cell)) is not None]
    first, out = max(((cell.kind, slow.out) for cell, slow in found), key=lambda entry: entry[1], default=("any", 0.0))
    last, into = max(((cell.kind, slow.into) for cell, slow in found), key=lambda entry: entry[1], default=("any", 0.0))
    routed = 1e3 / timing.mhz
    stretch = STRETCH[1] if timing.stretch is None else min(max(timing.stretch, STRETCH[0]), STRETCH[1])
    ends, stretched = routed + out + into, logic_ns * stretch
    text = f"{MARGIN:g} times the longer of {ends:.2f} ns, "
    text += (
        f"the longest path that was timed with {out:.2f} ns from the clock of {first} and {into:.2f} ns of set-up at "
    )
    text += f"{last}, and {stretched:.2f} ns, {stretch:.2g} times the slowest logic, for its wires"
    untimed = tuple(sorted({f"paths from and to {cell.kind}" for cell, _ in found}))
    return Bound(1e3 / (max(ends, stretched) * MARGIN), text, untimed)


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
