"""A netlist of the part's cells as Verilog that simulates: one instance a cell, and a model of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from gatewright_hw.build.openxc7.netlist import Bit, Cell, Netlist
from gatewright_sim.gates.block_ram import BLOCK_RAMS, MODEL, model_cell
from gatewright_sim.gates.models import cell_models

__all__ = ["cells_by_kind", "gates_of"]

_SCOPE = "$scopeinfo"
"""Says where flattened cells come from; no hardware."""


def gates_of(module: Mapping[str, Any], top: str, *, keeps: bool = False) -> str:
    """A flat module of the part's cells, as in Yosys' JSON (:func:`gatewright_hw.synthesis.synthesised`), as Verilog
    with the same top module.

    Unless ``keeps``, registers and memories begin with anything, but for tables, which nothing writes: a simulator that
    draws what has no initial value draws them. Else they begin as the bitstream says.

    Raises :class:`.GateError` for a cell that cannot be simulated.
    """
    cells = [cell for cell in Netlist.of(module).cells.values() if cell.kind != _SCOPE]
    own = [cell.kind in BLOCK_RAMS for cell in cells]
    models = cell_models({cell.kind for cell in cells} - BLOCK_RAMS.keys(), keeps=keeps)
    instances = [model_cell(cell, keeps) if ours else cell for cell, ours in zip(cells, own, strict=True)]
    parts = [*_module(module["ports"], instances, top), models, MODEL.read_text() if any(own) else ""]
    return "\n".join(parts)


def cells_by_kind(module: Mapping[str, Any]) -> dict[str, int]:
    """How many cells of each kind a flat module has."""
    return dict(sorted(Counter(cell["type"] for cell in module["cells"].values() if cell["type"] != _SCOPE).items()))


def _module(ports: Mapping[str, Any], cells: list[Cell], top: str) -> Iterator[str]:
    """The text of the top module. Each net is a wire of one bit, so that no vector depends on itself."""
    declared = [f"{port['direction']} [{len(port['bits']) - 1}:0] {name}" for name, port in ports.items()]
    yield f"module {top} ({', '.join(declared)});"
    nets = {bit for port in ports.values() for bit in port["bits"]}
    nets |= {bit for cell in cells for bits in cell.pins.values() for bit in bits}
    yield from (f"wire {_net(bit)};" for bit in nets if isinstance(bit, int))
    for name, port in ports.items():
        whole = _together(port["bits"])
        yield f"assign {whole} = {name};" if port["direction"] == "input" else f"assign {name} = {whole};"
    for index, cell in enumerate(cells):
        yield _instance(f"c{index}", cell)
    yield "endmodule"


def _instance(name: str, cell: Cell) -> str:
    lines = []
    pins = []
    for pin, bits in cell.pins.items():
        if pin in cell.outputs and (open_ := [i for i, bit in enumerate(bits) if not isinstance(bit, int)]):
            lines += [f"wire {name}_{pin}_{i};" for i in open_]
            names = [f"{name}_{pin}_{i}" if i in open_ else _net(bit) for i, bit in enumerate(bits)]
            pins.append(f".{pin}({{{', '.join(reversed(names))}}})")
        elif bits:
            pins.append(f".{pin}({_together(bits)})")
    parameters = ", ".join(f".{key}({_constant(value)})" for key, value in cell.parameters.items())
    return "\n".join((*lines, f"{cell.kind} {f'#({parameters}) ' if parameters else ''}{name} ({', '.join(pins)});"))


def _net(bit: Bit) -> str:
    return f"n{bit}" if isinstance(bit, int) else f"1'b{bit}"


def _together(bits: list[Bit] | tuple[Bit, ...]) -> str:
    return f"{{{', '.join(map(_net, reversed(bits)))}}}"


def _constant(value: str) -> str:
    """A parameter as Yosys writes it in JSON: a number in bits, or text, with a space behind if it looks like one."""
    if value and not set(value) - set("01xz"):
        return f"{len(value)}'b{value}"
    return f'"{value.removesuffix(" ") if not set(value) - set("01xz ") else value}"'
