"""Scores: values of which only a softmax is ever taken. What lies far below the largest of a row counts as nothing
there, so that -inf, -1e30 or -1e4 say the same: that something is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.quantisation.observation import MASKED
from gatewright.compiler.quantisation.plan import VANISHING

__all__ = ["VIEWS", "is_score", "that_count"]

VIEWS = frozenset(
    {"Cast", "Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Tile"}
    | {"Transpose", "Unsqueeze"}
)
"""Operators that give elements as they are."""

_ON_THE_WAY = VIEWS | {"Add", "Div", "Max", "Min", "Mul", "Sub", "Sum", "Where"}


def is_score(value: ir.Value) -> bool:
    """Whether a real value only ever becomes, or is added to, what a softmax is taken of."""
    if value.dtype is None or not value.dtype.is_floating_point():
        return False
    return bool(value.uses()) and not value.is_graph_output() and all(_reads_scores(*use) for use in value.uses())


def _reads_scores(node: ir.Node, index: int) -> bool:
    if node.domain == DOMAIN:
        return node.op_type == "Attention" and index == 3
    return node.op_type == "Softmax" or (node.op_type in _ON_THE_WAY and all(map(is_score, node.outputs)))


def that_count(scores: npt.NDArray[Any], like: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Scores with all that is nothing beside the largest of its row, by the right scores ``like``, as one value; 0 in
    rows without anything."""
    top = like.astype(np.float64).max(-1, keepdims=True, initial=-np.inf)
    there = np.abs(top) < MASKED
    return np.where(there, np.maximum(scores, np.where(there, top, 0) - VANISHING), 0)
