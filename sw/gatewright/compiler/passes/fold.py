"""Everything that depends on constants alone is computed now; shapes are inferred on the way."""

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnxscript import optimizer

from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.passes.probe import session
from gatewright.compiler.passes.rewriting import Pass, array, initializer, sizes
from gatewright.compiler.passes.shapes import infer_more

__all__ = ["FoldConstants"]

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


def _is_folded(node: ir.Node) -> bool:
    return node.domain != DOMAIN and node.op_type not in _KEPT | _RANDOM


def _fold(model: ir.Model, node: ir.Node) -> bool:
    """What the library leaves (several outputs; GatherElements of unequal shapes), computed by onnxruntime."""
    constants = [array(value) for value in node.inputs if value is not None]
    if not constants or any(each is None for each in constants):
        return False
    if any(value.is_graph_output() for value in node.outputs) or any(map(_is_graph, node.attributes.values())):
        return False
    if any(int(np.prod(sizes(value) or (0,))) > LARGEST for value in node.outputs):
        return False
    for value, result in zip(node.outputs, _run(model, node), strict=True):
        ir.convenience.replace_all_uses_with(value, initializer(model.graph, result, value.name or "folded"))
    model.graph.remove(node, safe=True)
    return True


def _is_graph(attribute: ir.Attr) -> bool:
    return attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)


def _run(model: ir.Model, node: ir.Node) -> list[npt.NDArray[Any]]:
    results: list[npt.NDArray[Any]] = session(model, list(node.outputs), []).run(None, {})
    return results
