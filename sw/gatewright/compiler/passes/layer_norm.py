"""Layer norm in all spellings becomes one operator."""

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.graph import Pass, array, elements, emit, producer, replace, vector
from gatewright.compiler.passes.normalise import affine, match_normalised, mean_of

__all__ = ["FuseLayerNorm"]


class FuseLayerNorm(Pass):
    """Before: ``(x - mean(x)) / sqrt(variance(x) + epsilon) * gain + bias`` in pieces, or ``LayerNormalization``.

    After: ``gatewright.LayerNorm(x, gain, bias, epsilon)``. Only over the last axis; others stay.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changes = [_convert(node) or _fuse(node) for node in list(model.graph) if node.graph is not None]
        return any(changes)


def _fuse(node: ir.Node) -> bool:
    found = match_normalised(node)
    centred = producer(found.x, "Sub") if found else None
    if found is None or centred is None or mean_of(centred.inputs[1]) is not centred.inputs[0]:
        return False
    scaled = affine(found.result)
    if scaled is None:
        return False
    _emit(centred.inputs[0], scaled.gain, scaled.bias, found.epsilon, scaled.result)
    return True


def _convert(node: ir.Node) -> bool:
    if node.domain or node.op_type != "LayerNormalization":
        return False
    x, gain, *rest = node.inputs
    output = node.outputs[0]
    if x is None or x.shape is None or output.dtype != ir.DataType.FLOAT or any(each.uses() for each in node.outputs[1:]):
        return False
    length, rank = elements(x), len(x.shape)
    if length is None or node.attributes.get_int("axis", -1) not in (-1, rank - 1):
        return False
    scale = vector(gain, length)
    bias = vector(rest[0], length) if rest and rest[0] is not None else np.zeros(length, np.float32)
    if scale is None or bias is None:
        return False
    keep_gain = gain if array(gain) is not None and scale.shape == array(gain).shape else scale
    keep_bias = rest[0] if rest and rest[0] is not None and array(rest[0]).shape == bias.shape else bias
    _emit(x, keep_gain, keep_bias, node.attributes.get_float("epsilon", 1e-5), output)
    return True


def _emit(x, gain, bias, epsilon, output) -> None:
    node = output.producer()
    new = emit("LayerNorm", [x, gain, bias], node, node.graph, attributes={"epsilon": float(epsilon)}, ours=True)
    replace(output, new)
