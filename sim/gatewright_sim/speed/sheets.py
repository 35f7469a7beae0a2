"""A run as tables of text: every figure, and the ones that people compare."""

from __future__ import annotations

from gatewright.sheet import Sheet
from gatewright_sim.speed.conditions import Conditions
from gatewright_sim.speed.measurement import Measured, Measurement

__all__ = ["all_figures", "summary"]

_NOTE = (
    "Cycles of the RTL under the PYNQ-Z2's memory, of a kernel from its command's start to its end, of MiniLM and "
    "requests from doorbell to end. Bounds: of a kernel all multipliers busy, or each operand once (a row of an "
    "aggregation once per edge) at the rate of all ports; of MiniLM its products once, or its weights, records and "
    "tables once; of a request its busiest engine, or all bytes of its commands. Clocks are assumptions: no tool has "
    "timed the design on this part."
)
_COLUMNS = ("", "cycles", "ms", "bound", "of bound", "of all ports", "hits")


def all_figures(found: Measured) -> Sheet:
    """A row for each measurement, below a row for its conditions."""
    rows = []
    for conditions in _conditions(found):
        rows.append((conditions.title, *[""] * (len(_COLUMNS) - 1)))
        rows += [_row(each) for each in found.measurements if each.conditions == conditions]
    return Sheet(
        f"gatewright bench accelerator, {found.config}", _COLUMNS, tuple(rows),
        f"{_NOTE} Of all ports: the memory bound as a share of the cycles. Hits: rows that did not come from memory.",
    )  # fmt: skip


def summary(found: Measured) -> Sheet:
    """A row for each workload but those that only show how cycles grow, a column for each of the conditions."""
    conditions = _conditions(found)
    cells: dict[str, dict[Conditions, str]] = {}
    for each in found.measurements:
        if each.size is None:
            cell = f"{each.counted.cycles:,}, {each.ms:.2f} ms, {each.of_bound:.1%}"
            cells.setdefault(each.name, {})[each.conditions] = cell
    rows = tuple((name, *(own[each] for each in conditions)) for name, own in cells.items())
    return Sheet(
        f"gatewright bench accelerator, {found.config}", ("", *(each.title for each in conditions)), rows,
        f"Cycles, milliseconds, share of the bound. {_NOTE}",
    )  # fmt: skip


def _conditions(found: Measured) -> tuple[Conditions, ...]:
    return tuple(dict.fromkeys(each.conditions for each in found.measurements))


def _row(each: Measurement) -> tuple[str, ...]:
    counted = each.counted
    hits = "" if counted.hit_rate is None else f"{counted.hit_rate:.1%}"
    return (
        each.name, f"{counted.cycles:,}", f"{each.ms:.2f}", f"{counted.bound:,}", f"{each.of_bound:.1%}",
        f"{each.of_all_ports:.1%}", hits,
    )  # fmt: skip
