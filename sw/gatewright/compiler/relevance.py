"""Which rows of a value matter: those that a mask hides from every output must not widen a calibrated range.

A value [batch, sequence, ...] of whose rows every reader ignores those where one mask input [batch, sequence] is 0 is
*hidden* by that mask. Readers that ignore them are MeanPool, and Attention for keys and values; operators that work row
by row ignore what the readers of their outputs ignore.
"""

from __future__ import annotations

import onnx_ir as ir

__all__ = ["hidden_by"]

_ROW_WISE = {"Linear", "LayerNorm", "RmsNorm", "L2Norm", "Add", "Sub", "Mul", "Div", "Cast", "Identity"}
"""Besides the functions of single elements."""

_ALL = ir.Value(name="")
"""Stands for a mask that hides nothing."""


def hidden_by(model: ir.Model) -> dict[str, str]:
    """The mask input by the name of each value that it hides."""
    masks: dict[ir.Value, ir.Value] = {value: _ALL for value in model.graph.outputs}
    for node in reversed(list(model.graph)):
        for index, value in enumerate(node.inputs):
            if value is not None:
                found = _through(node, index, masks)
                masks[value] = found if masks.setdefault(value, found) is found else _ALL
    return {
        value.name: mask.name
        for value, mask in masks.items()
        if value.name and mask.name and _leading(value) == _leading(mask)
    }


def _leading(value: ir.Value) -> tuple[object, ...] | None:
    return None if value.shape is None else tuple(value.shape)[:2]


def _through(node: ir.Node, index: int, masks: dict[ir.Value, ir.Value]) -> ir.Value:
    """The mask that hides rows of input ``index`` from this node."""
    from gatewright.compiler.lower.functions import FUNCTIONS
    from gatewright.compiler.lower.masks import source

    operands = [value for value in node.inputs if value is not None]
    if (node.domain, node.op_type) in (("gatewright", "MeanPool"), ("gatewright", "Attention")) and len(operands) > 1:
        pooled = node.op_type == "MeanPool" and index == 0
        attended = node.op_type == "Attention" and index in (1, 2) and len(operands) == 4
        if pooled or attended:
            mask = source(operands[-1])
            return mask if mask.is_graph_input() else _ALL
    rows = node.op_type in _ROW_WISE or node.op_type in FUNCTIONS or (node.op_type, index) == ("Attention", 0)
    operand = node.inputs[index]
    if rows and operand is not None and _leading(operand) == _leading(node.outputs[0]):
        return masks.get(node.outputs[0], _ALL)
    return _ALL
