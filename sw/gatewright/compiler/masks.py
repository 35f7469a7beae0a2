"""Which values are masks, by what reads them, and what a mask is made of."""

from __future__ import annotations

import onnx_ir as ir

from gatewright.compiler.operators import DOMAIN

__all__ = ["is_mask", "padding", "refuse_mask", "source"]

_OPERAND = {"Attention": 3, "MeanPool": 1}
"""Which input of an operator is a mask."""

_SHAPES = ("Reshape", "Squeeze", "Unsqueeze")


def is_mask(value: ir.Value) -> bool:
    """Whether the value serves as a mask only, directly or behind Casts and the like: it never exists as numbers."""
    uses = value.uses()
    return bool(uses) and not value.is_graph_output() and all(_reads_mask(node, index) for node, index in uses)


def _reads_mask(node: ir.Node, index: int) -> bool:
    if node.domain == DOMAIN:
        return _OPERAND.get(node.op_type) == index
    return index == 0 and _keeps_flags(node) and is_mask(node.outputs[0])


def _keeps_flags(node: ir.Node) -> bool:
    """Whether a node gives the flags that it is given, in rows of the same length, or the opposite ones."""
    given, made = node.inputs[0], node.outputs[0]
    if node.domain or given is None or given.shape is None or made.shape is None:
        return False
    if node.op_type in _SHAPES:
        return len(given.shape) > 0 and len(made.shape) > 0 and given.shape[-1] == made.shape[-1]
    return node.op_type in ("Cast", "Not")


def source(value: ir.Value) -> tuple[ir.Value, bool]:
    """What a mask is made of, and whether it is the opposite of that. 0 stays False and 1 stays True in every type."""
    opposite = False
    while (node := value.producer()) is not None and _keeps_flags(node):
        assert node.inputs[0] is not None
        opposite ^= node.op_type == "Not"
        value = node.inputs[0]
    return value, opposite


def padding(value: ir.Value) -> int:
    """What an input is padded with: 1 if it is a mask that is true for what does not count, else 0."""
    return int(_excludes(value, False)) if is_mask(value) else 0


def _excludes(value: ir.Value, opposite: bool) -> bool:
    """Whether some reader of a mask takes what is true as what does not count."""
    return any(
        opposite if node.domain == DOMAIN else _excludes(node.outputs[0], opposite ^ (node.op_type == "Not"))
        for node, _ in value.uses()
    )


def refuse_mask(value: ir.Value, keys: int) -> str | None:
    """Why a mask cannot be that of sequences of ``keys`` elements, or None."""
    origin, _ = source(value)
    if origin.shape is None or not origin.shape.is_static() or not len(origin.shape) or origin.shape[-1] != keys:
        return f"the mask is {origin.shape}, allowed: one truth value for each of {keys} elements"
    return None
