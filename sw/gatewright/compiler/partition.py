"""Splits a model into steps: as many nodes in a row as possible on the fabric, the others on the host.

A node's step is the first in which all its operands are there; steps of the host are even, those of the fabric odd.
What the host can compute from the inputs alone it so computes before the first doorbell, and no order of the nodes
needs fewer doorbells than this one. A model without foreign operators is one step, hence one doorbell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import onnx_ir as ir

__all__ = ["Part", "partition", "reads"]


@dataclass(eq=False)
class Part:
    """Nodes of one step, in order; ``inputs`` and ``outputs`` cross its border (no constants)."""

    on_fabric: bool
    nodes: list[ir.Node] = field(default_factory=list)
    inputs: list[ir.Value] = field(default_factory=list)
    outputs: list[ir.Value] = field(default_factory=list)


def reads(node: ir.Node) -> Iterator[ir.Value]:
    """A node's operands, and what the bodies of a control-flow node read of the graph around them."""
    yield from (value for value in node.inputs if value is not None)
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield from _captured(attribute.as_graph())
        elif attribute.type == ir.AttributeType.GRAPHS:
            for graph in attribute.as_graphs():
                yield from _captured(graph)


def _captured(graph: ir.Graph) -> Iterator[ir.Value]:
    inside = {*graph.inputs, *graph.initializers.values()}
    for node in graph:
        yield from (value for value in reads(node) if value not in inside)
        inside.update(node.outputs)
    yield from (value for value in graph.outputs if value not in inside)


def partition(model: ir.Model, refusals: Mapping[ir.Node, str]) -> list[Part]:
    """The steps of a model; nodes in ``refusals`` go to the host."""
    level: dict[ir.Value, int] = {}
    parts: dict[int, Part] = {}
    read_in: dict[ir.Value, set[int]] = {}
    for node in model.graph:
        step = max((level.get(value, 0) for value in reads(node)), default=0)
        on_fabric = node not in refusals
        step += (step % 2 == 1) != on_fabric
        parts.setdefault(step, Part(on_fabric)).nodes.append(node)
        for value in reads(node):
            read_in.setdefault(value, set()).add(step)
        for value in node.outputs:
            level[value] = step
    finals = set(model.graph.outputs)
    for step, part in parts.items():
        made = [value for node in part.nodes for value in node.outputs]
        needed = dict.fromkeys(value for node in part.nodes for value in reads(node))
        part.inputs = [value for value in needed if level.get(value) != step and value.const_value is None]
        part.outputs = [value for value in made if value in finals or read_in.get(value, set()) - {step}]
    return [parts[step] for step in sorted(parts)]
