"""The logarithm of a softmax, without a maximum, which the fabric lacks, and without the logarithm of a sum."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.spellings.respell import Speller

__all__ = ["log_softmax"]

_LEAST = np.float32(1e-8)
"""Shares below count as this much in the entropy, to which they add nothing."""


def log_softmax(node: ir.Node) -> Sequence[ir.Value] | None:
    """``x - sum(s x) + sum(s log s)``, s the softmax of x.

    From s = exp(x) / Z follows log Z = x - log s for each element, hence also for their mean by the weights s.
    """
    x = node.inputs[0]
    if x is None or x.shape is None or not len(x.shape) or x.dtype != ir.DataType.FLOAT:
        return None
    spell, axis = Speller(node), node.attributes.get_int("axis", -1)
    axes = np.array([axis], np.int64)
    shares = spell("Softmax", x, axis=axis)
    mean = spell("ReduceSum", spell("Mul", shares, x), axes)
    logarithms = spell("Log", spell("Max", shares, _LEAST))
    order = spell("ReduceSum", spell("Mul", shares, logarithms), axes)
    return [spell("Sub", x, spell("Sub", mean, order))]
