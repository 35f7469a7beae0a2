"""The mean over the tokens that a mask keeps becomes one operator."""

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.probe import evaluate, mask_sources, probe_masks
from gatewright.compiler.passes.rewriting import Array, Pass, axes, emit, operands, producer, replace, sizes

__all__ = ["FuseMeanPool"]


class FuseMeanPool(Pass):
    """Before: ``sum(x * mask) / sum(mask)`` over the tokens, the divisor maybe bounded from below.

    After: ``gatewright.MeanPool(x [B, S, D], mask [B, S])``. The factor and the divisor may be computed from the mask
    in any way; what they mean is tried.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changes = [_fuse(model, node) for node in list(model.graph) if node.op_type == "Div" and node.domain == ""]
        return any(changes)


def _fuse(model: ir.Model, node: ir.Node) -> bool:
    total, divisor = producer(node.inputs[0], "ReduceSum"), node.inputs[1]
    product = producer(total.inputs[0], "Mul") if total else None
    if total is None or product is None or divisor is None or axes(total) != (1,):
        return False
    shape, output = sizes(product.outputs[0]), node.outputs[0]
    if shape is None or len(shape) != 3 or output.dtype != ir.DataType.FLOAT:
        return False
    batch, tokens, width = shape
    keepdims = bool(total.attributes.get_int("keepdims", 1))
    flags = probe_masks(batch, tokens)
    for x, factor in operands(product):
        if sizes(x) != shape:
            continue
        for source in mask_sources([factor, divisor], batch, tokens):
            means = evaluate(model, [factor, divisor], source, flags)
            if all(_is_mean(each[0], each[1], flag, keepdims) for each, flag in zip(means, flags, strict=True)):
                mask = _flat(source, model.graph, [batch, tokens])
                new = emit("MeanPool", [x, mask], node, model.graph, ours=True, shape=[batch, width])
                if keepdims:
                    target = np.array([batch, 1, width], np.int64)
                    new = emit("Reshape", [new, target], new.producer(), model.graph)
                replace(output, new)
                return True
    return False


def _is_mean(factor: Array, divisor: Array, flags: Array, keepdims: bool) -> bool:
    """Whether the factor is the mask and the divisor is the number of its ones, where there is any."""
    count = flags.sum(1).reshape(len(flags), *([1, 1] if keepdims else [1]))
    try:
        exact = np.broadcast_to(divisor, np.broadcast_shapes(divisor.shape, count.shape))
        return bool((factor == flags[:, :, None]).all() and (exact == count)[flags.any(1)].all())
    except ValueError:
        return False


def _flat(source: ir.Value, graph: ir.Graph, shape: list[int]) -> ir.Value:
    if sizes(source) == tuple(shape):
        return source
    return emit(
        "Reshape", [source, np.array(shape, np.int64)], source.producer(), graph, shape=shape, dtype=source.dtype
    )
