"""RMS norm becomes one operator."""

import onnx_ir as ir

from gatewright.compiler.graph_access import graph_of, maker_of
from gatewright.compiler.passes.normalise import affine, match_normalised
from gatewright.compiler.passes.rewriting import Floats, Pass, array, elements, emit, replace, vector

__all__ = ["FuseRmsNorm"]


class FuseRmsNorm(Pass):
    """Before: ``x / sqrt(mean(x²) + epsilon) * gain`` in pieces, or ``RMSNormalization`` (Zhang and Sennrich, 2019).

    After: ``gatewright.RmsNorm(x, gain, epsilon)``. Only over the last axis; others stay.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changes = [_convert(node) or _fuse(node) for node in list(model.graph) if node.graph is not None]
        return any(changes)


def _fuse(node: ir.Node) -> bool:
    normalised = match_normalised(node)
    scaled = affine(normalised.result) if normalised else None
    if normalised is None or scaled is None:
        return False
    result = scaled.result
    if scaled.bias.any():  # the norm has none: the sum stays where it is
        last = maker_of(result)
        result = next(value for value in last.inputs if value is not None and array(value) is None)
    _emit(normalised.x, scaled.gain, normalised.epsilon, result)
    return True


def _convert(node: ir.Node) -> bool:
    if node.domain or node.op_type != "RMSNormalization" or node.outputs[0].dtype != ir.DataType.FLOAT:
        return False
    x, gain = node.inputs[:2]
    length = elements(x) if x is not None else None
    if x is None or x.shape is None or length is None:
        return False
    scale = vector(gain, length)
    if scale is None or node.attributes.get_int("axis", -1) not in (-1, len(x.shape) - 1):
        return False
    _emit(x, scale, node.attributes.get_float("epsilon", 1e-5), node.outputs[0])
    return True


def _emit(x: ir.Value, gain: Floats, epsilon: float | None, output: ir.Value) -> None:
    node = maker_of(output)
    new = emit("RmsNorm", [x, gain], node, graph_of(node), attributes={"epsilon": float(epsilon or 0.0)}, ours=True)
    replace(output, new)
