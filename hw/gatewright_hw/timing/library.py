"""Delays of 7-series cells, speed grade -1, in ns.

Look-up tables, carry chains, flip-flops, shift registers and small memories: the ``specify`` blocks of Yosys'
``cells_sim.v``, which come from Project X-Ray's database for Artix-7, whose fabric XC7Z010 and XC7Z020 have. Block
RAM, DSP48E1 and PS7, of whose blocks Yosys knows little: DS187, in :mod:`gatewright_hw.build.openxc7.bound`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatewright.cache import cached_directory, digest
from gatewright.spec.errors import GatewrightError
from gatewright_hw.build.openxc7.bound import arcs
from gatewright_hw.build.openxc7.netlist import Cell
from gatewright_hw.yosys import run_yosys

__all__ = ["Delays", "Library", "Pin", "TimingError", "load_library"]

_DELAYS = "read_verilog -specify -lib +/xilinx/cells_sim.v; delete =*/p:*; write_json cells.json"

Pin = tuple[str, int]
"""A port, and a bit of it."""

_WITHOUT = frozenset({"$scopeinfo", "GND", "VCC"})
_CLOCKS = frozenset({"CLK", "CLKARDCLK", "CLKBWRCLK"})


class TimingError(GatewrightError):
    """A netlist that cannot be timed."""


@dataclass
class Delays:
    """Of one kind of cell.

    Attributes
    ----------
    through : from an input to an output, by output: the pairs of input and delay.
    out : from the clock to an output.
    into : before the clock, at an input.
    """

    through: dict[Pin, list[tuple[Pin, float]]] = field(default_factory=lambda: defaultdict(list))
    out: dict[Pin, float] = field(default_factory=dict)
    into: dict[Pin, float] = field(default_factory=dict)


class Library:
    """Delays of any cell of a netlist."""

    def __init__(self, modules: Mapping[str, Any]) -> None:
        self._modules = modules
        self._known: dict[str, Delays] = {}

    def of(self, cell: Cell) -> Delays:
        """Raises :class:`TimingError` for a kind of cell without delays."""
        slow = arcs(cell)
        if slow is not None:
            return _hard(cell, slow.out, slow.into)
        if cell.kind not in self._known:
            self._known[cell.kind] = self._specified(cell.kind)
        return self._known[cell.kind]

    def _specified(self, kind: str) -> Delays:
        found = Delays()
        if kind in _WITHOUT:
            return found
        if kind not in self._modules:
            raise TimingError(f"no delays are known of cells {kind}")
        module = self._modules[kind]
        pins = {bit: (name, index) for name, port in module["ports"].items() for index, bit in enumerate(port["bits"])}
        for entry in module["cells"].values():
            if entry["type"].startswith("$spec"):
                _note(found, entry["type"], entry["parameters"], entry["connections"], pins)
        if not (found.through or found.out or found.into):
            raise TimingError(f"no delays are known of cells {kind}")
        return found


def _note(
    found: Delays, kind: str, values: Mapping[str, str], wires: Mapping[str, list[Any]], pins: Mapping[Any, Pin]
) -> None:
    sources, targets = ([pins[bit] for bit in wires[name] if bit in pins] for name in ("SRC", "DST"))
    if kind == "$specrule":
        for source in sources:  # data, before the clock in DST
            found.into[source] = max(found.into.get(source, 0.0), _ns(values, "T_LIMIT_MAX"))
        return
    ns = max(_ns(values, "T_RISE_MAX"), _ns(values, "T_FALL_MAX"))
    if kind == "$specify3":
        for target in targets:
            found.out[target] = max(found.out.get(target, 0.0), ns)
        return
    pairs: Iterable[tuple[Pin, Pin]]
    if int(values["FULL"], 2) or len(sources) != len(targets):
        pairs = ((source, target) for source in sources for target in targets)
    else:
        pairs = zip(sources, targets, strict=True)
    for source, target in pairs:
        found.through[target].append((source, ns))


def _ns(values: Mapping[str, str], name: str) -> float:
    text = values[name]
    return (int(text, 2) - (1 << len(text) if text[0] == "1" and len(text) == 32 else 0)) / 1e3


def _hard(cell: Cell, out: float, into: float) -> Delays:
    """A block with registers inside: its slowest arc stands for all. Its clocks are no data."""
    found = Delays()
    for name, bits in cell.pins.items():
        for index in range(len(bits)):
            if name in cell.outputs:
                found.out[name, index] = out
            elif name not in _CLOCKS and not name.endswith("ACLK"):
                found.into[name, index] = into
    return found


def load_library() -> Library:
    """With what the installed Yosys knows: its cells for 7 series by name, each with its ``specify`` block as cells."""
    key = digest(_DELAYS, run_yosys(["-V"], Path.cwd()))
    folder = cached_directory("cells", key, _make_cells)
    return Library(json.loads((folder / "cells.json").read_text())["modules"])


def _make_cells(work: Path) -> None:
    run_yosys(["-q", "-p", _DELAYS], work)
