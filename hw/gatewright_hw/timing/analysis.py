"""The longest path to each register, and the longest of each module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from gatewright_hw.build.openxc7.netlist import Bit, Cell, Netlist
from gatewright_hw.timing.library import Library, TimingError

__all__ = ["Path", "Step", "analyse"]


@dataclass(frozen=True)
class Step:
    """A cell on a path, and the delay that it adds."""

    kind: str
    ns: float


@dataclass(frozen=True)
class Path:
    """From a register's clock to the next one's.

    Attributes
    ----------
    module : instances that the end lies in, as deep as was asked for; empty for the top.
    start, end : nets or cells where it begins and ends, by their names in the design.
    ns : the sum of its cells' delays; wires have none.
    steps : its cells.
    """

    module: str
    start: str
    end: str
    ns: float
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class _Arrival:
    """When a net has its value, and through what."""

    ns: float
    cell: Cell
    before: int | None


def analyse(module: Mapping[str, Any], library: Library, depth: int = 2) -> list[Path]:
    """The longest path that ends in each module, ``depth`` levels deep; the longest first.

    ``module`` is flat, as in Yosys' JSON. Raises :class:`TimingError` for a loop of logic or a cell without delays.
    """
    netlist, names = Netlist.of(module), _net_names(module)
    arrivals = _arrivals(netlist, library)
    worst: dict[str, tuple[float, Cell, int]] = {}
    for cell in netlist.cells.values():
        place = _module_of(cell, depth)
        for (pin, index), setup in library.of(cell).into.items():
            bits = cell.pins.get(pin, ())
            bit = bits[index] if index < len(bits) else None
            if isinstance(bit, int) and bit in arrivals:
                ns = arrivals[bit].ns + setup
                if ns > worst.get(place, (0.0,))[0]:
                    worst[place] = (ns, cell, bit)
    found = [_path(place, *entry, arrivals, names) for place, entry in worst.items()]
    return sorted(found, key=lambda path: -path.ns)


def _arrivals(netlist: Netlist, library: Library) -> dict[int, _Arrival]:
    """When each net has its value after the clock, for all that registers lead to."""
    sources: dict[int, list[tuple[int, float, Cell]]] = defaultdict(list)
    arrivals: dict[int, _Arrival] = {}
    for cell in netlist.cells.values():
        delays = library.of(cell)
        for (pin, index), ns in delays.out.items():
            bits = cell.pins.get(pin, ())
            if index < len(bits) and isinstance(bit := bits[index], int):
                arrivals[bit] = _Arrival(ns, cell, None)
        for (pin, index), inputs in delays.through.items():
            bits = cell.pins.get(pin, ())
            if index >= len(bits) or not isinstance(target := bits[index], int):
                continue
            for (source, at), ns in inputs:
                given = cell.pins.get(source, ())
                if at < len(given) and isinstance(bit := given[at], int):
                    sources[target].append((bit, ns, cell))
    try:
        order = tuple(
            TopologicalSorter({net: [bit for bit, _, _ in arcs] for net, arcs in sources.items()}).static_order()
        )
    except CycleError as error:
        raise TimingError(f"a loop of logic, through nets {error.args[1][:8]}") from None
    for net in order:
        for bit, ns, cell in sources.get(net, ()):
            if bit in arrivals and arrivals[bit].ns + ns > (arrivals[net].ns if net in arrivals else 0.0):
                arrivals[net] = _Arrival(arrivals[bit].ns + ns, cell, bit)
    return arrivals


def _path(
    place: str, ns: float, cell: Cell, bit: int, arrivals: Mapping[int, _Arrival], names: Mapping[Bit, str]
) -> Path:
    steps = [Step(cell.kind, ns - arrivals[bit].ns)]
    at: int | None = bit
    first = bit
    while at is not None:
        here = arrivals[at]
        before = arrivals[here.before].ns if here.before is not None else 0.0
        steps.append(Step(here.cell.kind, here.ns - before))
        first, at = at, here.before
    start = names.get(first, _name_of(arrivals[first].cell, names))
    return Path(place, start, _name_of(cell, names), ns, tuple(reversed(steps)))


def _net_names(module: Mapping[str, Any]) -> dict[Bit, str]:
    """The design's own name of each net, the shortest that it has."""
    found: dict[Bit, str] = {}
    for name, net in module["netnames"].items():
        if net.get("hide_name") or "$" in name:
            continue
        for index, bit in enumerate(net["bits"]):
            text = f"{name}[{index}]" if len(net["bits"]) > 1 else name
            if bit not in found or len(text) < len(found[bit]):
                found[bit] = text
    return found


def _name_of(cell: Cell, names: Mapping[Bit, str]) -> str:
    """What a register is called: as its cell, else as what it drives."""
    if "$" not in cell.name:
        return cell.name
    driven = [names[bit] for pin in sorted(cell.outputs) for bit in cell.pins.get(pin, ()) if bit in names]
    return driven[0] if driven else f"{cell.kind} in {cell.scope or 'the top'}"


def _module_of(cell: Cell, depth: int) -> str:
    return ".".join(cell.scope.split(".")[:depth])
