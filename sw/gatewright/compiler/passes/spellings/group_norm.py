"""Norms over groups of channels: layer norms of rows that the groups are brought to."""

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import sizes
from gatewright.compiler.passes.spellings.respell import Speller

__all__ = ["group_norm", "instance_norm"]


def group_norm(node: ir.Node) -> Sequence[ir.Value] | None:
    """``GroupNormalization``, which has gain and bias for each channel."""
    return _normalised(node, node.attributes.get_int("num_groups", 0) or 0)


def instance_norm(node: ir.Node) -> Sequence[ir.Value] | None:
    """``InstanceNormalization``: a group for each channel."""
    shape = sizes(node.inputs[0]) if node.inputs[0] is not None else None
    return _normalised(node, shape[1]) if shape is not None and len(shape) > 1 else None


def _normalised(node: ir.Node, groups: int) -> Sequence[ir.Value] | None:
    x, gain, bias = node.inputs[:3]
    shape = sizes(x) if x is not None else None
    if x is None or gain is None or bias is None or not shape or len(shape) < 2 or not groups:
        return None
    if x.dtype != ir.DataType.FLOAT or shape[1] % groups or 0 in shape or sizes(gain) != (shape[1],):
        return None
    spell, width = Speller(node), shape[1] // groups * math.prod(shape[2:])
    rows = spell("Reshape", x, np.array([shape[0], groups, width], np.int64))
    epsilon = node.attributes.get_float("epsilon", 1e-5) or 0.0
    ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
    unit = spell("LayerNorm", rows, ones, zeros, epsilon=epsilon, ours=True, shape=ir.Shape([shape[0], groups, width]))
    apart = spell("Reshape", unit, np.array(shape, np.int64))
    column = np.array([shape[1], *[1] * (len(shape) - 2)], np.int64)
    scaled = spell("Mul", apart, spell("Reshape", gain, column))
    return [spell("Add", scaled, spell("Reshape", bias, column))]
