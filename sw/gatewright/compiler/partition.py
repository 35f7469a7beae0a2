"""Splits a model into steps: as many nodes in a row as possible on the fabric, the others on the host.

A node's step is the first in which all its operands are there; steps of the fabric are even, those of the host odd. So
a model without foreign operators is one step, hence one doorbell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx_ir as ir

__all__ = ["Part", "partition"]


@dataclass(eq=False)
class Part:
    """Nodes of one step, in order; ``inputs`` and ``outputs`` cross its border (no constants)."""

    on_fabric: bool
    nodes: list[ir.Node] = field(default_factory=list)
    inputs: list[ir.Value] = field(default_factory=list)
    outputs: list[ir.Value] = field(default_factory=list)


def partition(model: ir.Model, refusals: Mapping[ir.Node, str]) -> list[Part]:
    """The steps of a model; nodes in ``refusals`` go to the host."""
    level: dict[ir.Value, int] = {}
    parts: dict[int, Part] = {}
    where: dict[ir.Node, int] = {}
    for node in model.graph:
        step = max((level.get(value, 0) for value in node.inputs if value is not None), default=0)
        on_fabric = node not in refusals
        step += (step % 2 == 0) != on_fabric
        where[node] = step
        parts.setdefault(step, Part(on_fabric)).nodes.append(node)
        for value in node.outputs:
            level[value] = step
    finals = set(model.graph.outputs)
    for step, part in parts.items():
        inside = {value for node in part.nodes for value in node.outputs}
        for node in part.nodes:
            for value in node.inputs:
                if value is None or value in inside or value.const_value is not None or value in part.inputs:
                    continue
                part.inputs.append(value)
        for node in part.nodes:
            for value in node.outputs:
                if value in finals or any(where[user] != step for user, _ in value.uses()):
                    part.outputs.append(value)
    return [parts[step] for step in sorted(parts)]
