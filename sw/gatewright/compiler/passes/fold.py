"""Everything that depends on constants alone is computed now; shapes are inferred on the way."""

import logging

import numpy as np
import onnx_ir as ir
from onnxscript import optimizer

from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.passes.probe import evaluator
from gatewright.compiler.passes.rewriting import Pass, array, emit, initializer, replace, sizes
from gatewright.compiler.passes.shapes import infer_more

__all__ = ["FoldConstants", "FoldLateConstants"]

LARGEST = 1 << 25  # elements of a result that takes more room than what it is computed from
_KEPT = {"QuantizeLinear", "DequantizeLinear"}  # the import of quantised models reads their scales
_RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
_LOGGER = logging.getLogger("onnxscript.optimizer._constant_folding")


class FoldConstants(Pass):
    """Before: Shape, Gather, Concat, Transpose... of constants and of static shapes. After: initializers, and known
    shapes.

    A result larger than `LARGEST` elements stays a node.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changed, level = False, _LOGGER.level
        _LOGGER.setLevel(logging.ERROR)  # it warns about each node that it leaves to us
        try:
            while True:  # each round resolves what the one before made constant
                result = optimizer.fold_constants(
                    model,
                    onnx_shape_inference=True,
                    input_size_limit=LARGEST,
                    output_size_limit=LARGEST,
                    should_fold=_is_folded,
                )
                more = [_fold(model, node) for node in list(model.graph) if _is_folded(node)]
                again = infer_more(model) or any(more)
                changed |= result.modified or again
                if not again:
                    return changed
        finally:
            _LOGGER.setLevel(level)


class FoldLateConstants(Pass):
    """Before: nodes of constants that other passes have made or left. After: initializers, in one sweep from the
    inputs on; a constant output of the model is the ``Identity`` of one."""

    def rewrite(self, model: ir.Model) -> bool:
        return any([_fold(model, node) for node in list(model.graph) if node.op_type not in _RANDOM])


def _is_folded(node: ir.Node) -> bool:
    return node.domain != DOMAIN and node.op_type not in _KEPT | _RANDOM


def _fold(model: ir.Model, node: ir.Node) -> bool:
    """What the library leaves (several outputs; GatherElements of unequal shapes), computed by onnxruntime."""
    if any(array(value) is None for value in node.inputs if value is not None):
        return False
    outputs = [value.is_graph_output() for value in node.outputs]
    if any(map(_is_graph, node.attributes.values())) or (any(outputs) and node.op_type == "Identity"):
        return False
    if any(int(np.prod(sizes(value) or (0,))) > LARGEST for value in node.outputs):
        return False
    results = evaluator(model, node.outputs)()
    if not all(isinstance(result, np.ndarray) for result in results):  # sequences
        return False
    for value, is_output, result in zip(node.outputs, outputs, results, strict=True):
        constant = initializer(model.graph, result, value.name or "folded")
        if is_output:
            replace(value, emit("Identity", [constant], node, model.graph, shape=result.shape, dtype=constant.dtype))
        else:
            ir.convenience.replace_all_uses_with(value, constant)
    model.graph.remove(node, safe=True)
    return True


def _is_graph(attribute: ir.Attr) -> bool:
    return attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
