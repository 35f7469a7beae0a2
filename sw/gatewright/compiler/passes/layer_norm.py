"""Layer norm in all spellings becomes one operator."""

import numpy as np
import onnx_ir as ir

from gatewright.compiler.graph_access import graph_of, maker_of, operand
from gatewright.compiler.passes.normalise import affine, match_normalised, mean_of
from gatewright.compiler.passes.rewriting import Floats, Pass, elements, emit, producer, replace, vector

__all__ = ["FuseLayerNorm"]


class FuseLayerNorm(Pass):
    """Before: ``(x - mean(x)) / sqrt(variance(x) + epsilon) * gain + bias`` in pieces, or ``LayerNormalization``.

    After: ``gatewright.LayerNorm(x, gain, bias, epsilon)``. Only over the last axis; others stay.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changes = [_convert(node) or _fuse(node) for node in list(model.graph) if node.graph is not None]
        return any(changes)


def _fuse(node: ir.Node) -> bool:
    normalised = match_normalised(node)
    centred = producer(normalised.x, "Sub") if normalised else None
    if normalised is None or centred is None or mean_of(centred.inputs[1]) is not centred.inputs[0]:
        return False
    scaled = affine(normalised.result)
    if scaled is None:
        return False
    _emit(operand(centred, 0), scaled.gain, scaled.bias, normalised.epsilon, scaled.result)
    return True


def _convert(node: ir.Node) -> bool:
    if node.domain or node.op_type != "LayerNormalization" or node.outputs[0].dtype != ir.DataType.FLOAT:
        return False
    x, gain, bias = (*node.inputs, None)[:3]
    length = elements(x) if x is not None else None
    if x is None or x.shape is None or length is None:
        return False
    if node.attributes.get_int("axis", -1) not in (-1, len(x.shape) - 1):
        return False
    if any(each.uses() or each.is_graph_output() for each in node.outputs[1:]):
        return False  # mean and deviation are wanted as well
    scale = vector(gain, length)
    shift = vector(bias, length) if bias is not None else np.zeros(length, np.float32)
    if scale is None or shift is None:
        return False
    _emit(x, scale, shift, node.attributes.get_float("epsilon", 1e-5), node.outputs[0])
    return True


def _emit(x: ir.Value, gain: Floats, bias: Floats, epsilon: float | None, output: ir.Value) -> None:
    node = maker_of(output)
    attributes = {"epsilon": float(epsilon or 0.0)}
    new = emit("LayerNorm", [x, gain, bias], node, graph_of(node), attributes=attributes, ours=True)
    replace(output, new)
