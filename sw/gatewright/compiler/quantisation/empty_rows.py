"""Which values may have rows of zeros that stand for nothing: an isolated node's, an empty set's, a padding's.

A linear layer gives exactly its bias for them, where their zeros are exact and nothing else is added. Other rows come
out a little better with an offset, and with what remains of their error on average in the bias.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from gatewright.compiler.functions import FUNCTIONS
from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.passes.views import view_source

__all__ = ["may_be_empty"]

_EMPTY = {"CsrMatMul", "MeanPool"}
"""Operators of ours that give zeros where they have nothing to add up."""

_OF_ALL = {"Add", "Sub", "Sum", "Mean"}
"""Operators that give zeros where all their operands are."""

_OF_ONE = {"Mul", "Div"}
"""Operators that give zeros where the first, or another that they multiply with, is."""


def may_be_empty(value: ir.Value | None) -> bool:
    """Whether some rows of a value may consist of zeros because there was nothing to compute them from."""
    node = value.producer() if value is not None else None
    if node is None:
        return False
    if (source := view_source(node)) is not None:
        return may_be_empty(source)
    if node.domain == DOMAIN:
        return node.op_type in _EMPTY or (node.op_type in ("L2Norm", "Gelu") and may_be_empty(node.inputs[0]))
    if node.op_type in ("Gather", "MatMul"):  # of an adjacency matrix
        return _has_zero_rows(node.inputs[0])
    if node.op_type in _OF_ALL:
        return all(may_be_empty(operand) for operand in node.inputs)
    if node.op_type in _OF_ONE:
        return any(may_be_empty(operand) for operand in node.inputs[: 1 if node.op_type == "Div" else 2])
    keeps_zero = node.op_type == "Cast" or (node.op_type in FUNCTIONS and _at_zero(node) == 0)
    return keeps_zero and may_be_empty(node.inputs[0])


def _at_zero(node: ir.Node) -> float:
    with np.errstate(all="ignore"):
        return float(FUNCTIONS[node.op_type](node).function(np.zeros(1))[0])


def _has_zero_rows(table: ir.Value | None) -> bool:
    if table is None or table.const_value is None or len(table.const_value.shape) < 2:
        return False
    rows = table.const_value.numpy()
    return bool((~rows.reshape(-1, rows.shape[-1]).any(1)).any())
