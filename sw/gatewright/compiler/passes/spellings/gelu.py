"""onnxruntime's GELUs."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.spellings.respell import Speller, optional

__all__ = ["fast_gelu", "gelu", "quick_gelu"]


def gelu(node: ir.Node) -> Sequence[ir.Value] | None:
    """``Gelu`` and ``BiasGelu``: by erf, of x or of a sum."""
    return _gelu(node, "")


def fast_gelu(node: ir.Node) -> Sequence[ir.Value] | None:
    """``FastGelu``: by tanh, of x or of a sum."""
    return _gelu(node, "tanh")


def _gelu(node: ir.Node, overload: str) -> Sequence[ir.Value] | None:
    x, bias = node.inputs[0], optional(node, 1)
    if x is None or x.dtype != ir.DataType.FLOAT:
        return None
    spell = Speller(node)
    total = x if bias is None else spell("Add", x, bias, shape=node.outputs[0].shape)
    curve = overload or "none"
    return [spell("Gelu", total, overload=overload, ours=True, shape=total.shape, approximate=curve)]


def quick_gelu(node: ir.Node) -> Sequence[ir.Value] | None:
    """``QuickGelu``: x sigmoid(alpha x)."""
    x = node.inputs[0]
    if x is None or x.dtype != ir.DataType.FLOAT:
        return None
    spell, alpha = Speller(node), np.float32(node.attributes.get_float("alpha", 1.702) or 0.0)
    return [spell("Mul", x, spell("Sigmoid", spell("Mul", x, alpha)))]
