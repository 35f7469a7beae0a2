"""Which rows of a value matter: those that a mask hides from every output must not widen a calibrated range.

A value [batch, sequence, ...] of whose rows every reader ignores those where one mask input [batch, sequence] is 0 is
*hidden* by that mask. Readers that ignore them are MeanPool, and Attention for keys and values; operators that work row
by row ignore what the readers of their outputs ignore.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.functions import FUNCTIONS
from gatewright.compiler.masks import source
from gatewright.compiler.operators import DOMAIN

__all__ = ["hidden_by", "kept_rows"]

Mask = tuple[ir.Value, bool]
"""An input, and whether it is true for the rows that it hides."""

_ROW_WISE = {"Linear", "LayerNorm", "RmsNorm", "L2Norm", "Add", "Sub", "Mul", "Div", "Cast", "Identity"}
"""Besides the functions of single elements."""

_NONE: Mask = (ir.Value(name=""), False)
"""Hides nothing."""


def hidden_by(model: ir.Model) -> dict[str, tuple[str, bool]]:
    """For each value of which a mask hides rows: the input's name, and whether it is true for hidden rows."""
    masks: dict[ir.Value, Mask] = {value: _NONE for value in model.graph.outputs}
    for node in reversed(list(model.graph)):
        for index, value in enumerate(node.inputs):
            if value is not None:
                found = _through(node, index, masks)
                masks[value] = found if masks.setdefault(value, found) == found else _NONE
    return {
        value.name: (mask.name, opposite)
        for value, (mask, opposite) in masks.items()
        if value.name and mask.name and _leading(value) == _leading(mask)
    }


def kept_rows(
    hidden: Mapping[str, tuple[str, bool]], name: str, feed: Mapping[str, npt.NDArray[Any]]
) -> npt.NDArray[np.bool_] | None:
    """Which rows of a value count for inputs ``feed``, bool [batch, sequence]; None for all."""
    if name not in hidden:
        return None
    mask, opposite = hidden[name]
    kept: npt.NDArray[np.bool_] = (feed[mask] != 0) ^ opposite
    return kept


def _leading(value: ir.Value) -> tuple[object, ...] | None:
    return None if value.shape is None else tuple(value.shape)[:2]


def _through(node: ir.Node, index: int, masks: dict[ir.Value, Mask]) -> Mask:
    """What hides rows of input ``index`` from this node."""
    pooled = node.op_type == "MeanPool" and index == 0
    attended = node.op_type == "Attention" and index in (1, 2) and len(node.inputs) == 4
    if node.domain == DOMAIN and (pooled or attended) and node.inputs[-1] is not None:
        mask = source(node.inputs[-1])
        return mask if mask[0].is_graph_input() else _NONE
    rows = node.op_type in _ROW_WISE or node.op_type in FUNCTIONS or (node.op_type, index) == ("Attention", 0)
    operand = node.inputs[index]
    if rows and operand is not None and _leading(operand) == _leading(node.outputs[0]):
        return masks.get(node.outputs[0], _NONE)
    return _NONE
