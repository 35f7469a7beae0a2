"""Everything that depends on constants alone is computed now; shapes are inferred on the way."""

import logging

import numpy as np
import onnx_ir as ir
from onnxscript import optimizer

from gatewright.compiler.bindings import Bindings
from gatewright.compiler.domain import DOMAIN
from gatewright.compiler.errors import CompileError
from gatewright.compiler.passes.dimensions import symbols
from gatewright.compiler.passes.graph import Pass, array, initializer, replace

__all__ = ["CheckShapes", "FoldConstants"]

LARGEST = 1 << 25  # elements of a result that takes more room than what it is computed from
_KEPT = {"QuantizeLinear", "DequantizeLinear"}  # import of quantised models reads their scales


class FoldConstants(Pass):
    """Before: Shape, Gather, Concat, Transpose... of constants and of static shapes. After: initializers, and known shapes.

    A result larger than `LARGEST` elements stays a node.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        loggers = [logging.getLogger(name) for name in ("onnxscript.optimizer._constant_folding",)]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            while True:  # each round resolves what the one before made constant
                result = optimizer.fold_constants(
                    model,
                    onnx_shape_inference=True,
                    input_size_limit=LARGEST,
                    output_size_limit=LARGEST,
                    should_fold=lambda node: node.domain != DOMAIN and node.op_type not in _KEPT,
                )
                further = [_infer_csr(model), _fold_splits(model), _fold_rest(model)]
                changed |= result.modified or any(further)
                if not any(further):
                    return changed
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _infer_csr(model: ir.Model) -> bool:
    """The shape of a sparse product, which its body computes from data."""
    changed = False
    for node in model.graph:
        if node.domain != DOMAIN or node.op_type != "CsrMatMul":
            continue
        row_ptr, features, output = node.inputs[0], node.inputs[3], node.outputs[0]
        if row_ptr is None or features is None or row_ptr.shape is None or features.shape is None:
            continue
        if len(row_ptr.shape) != 1 or len(features.shape) != 2:
            raise CompileError(
                f"node {node.name}: row_ptr has {len(row_ptr.shape)} axes and x has {len(features.shape)}, allowed are 1 and 2"
            )
        shape = ir.Shape([row_ptr.shape[0] - 1, features.shape[1]])
        changed |= output.shape != shape
        output.shape, output.dtype = shape, ir.DataType.FLOAT
    return changed


def _fold_splits(model: ir.Model) -> bool:
    """Split of a constant, as of the joint weight of queries, keys and values."""
    changed = False
    for node in list(model.graph):
        data = array(node.inputs[0]) if node.op_type == "Split" and node.domain == "" else None
        if data is None:
            continue
        axis = node.attributes.get_int("axis", 0) or 0
        lengths = array(node.inputs[1]) if len(node.inputs) > 1 else None
        total, parts = data.shape[axis], len(node.outputs)
        step = -(-total // parts)
        bounds = np.cumsum(lengths)[:-1] if lengths is not None else np.arange(step, total, step)
        for output, piece in zip(node.outputs, np.split(data, bounds, axis), strict=True):
            if output.is_graph_output():
                continue
            constant = initializer(model.graph, np.ascontiguousarray(piece), output.name or "split")
            ir.convenience.replace_all_uses_with(output, constant)
            changed |= True
        if not any(output.is_graph_output() for output in node.outputs):
            model.graph.remove(node, safe=True)
    return changed


def _fold_rest(model: ir.Model) -> bool:
    """GatherElements of constants, which the library's folding leaves (ONNX's reference evaluator wants equal shapes)."""
    changed = False
    for node in list(model.graph):
        if node.op_type != "GatherElements" or node.domain or node.outputs[0].is_graph_output():
            continue
        data, indices = array(node.inputs[0]), array(node.inputs[1])
        if data is None or indices is None:
            continue
        axis = node.attributes.get_int("axis", 0) or 0
        places = list(np.indices(indices.shape, sparse=True))
        places[axis] = np.where(indices < 0, indices + data.shape[axis], indices)
        constant = initializer(model.graph, np.ascontiguousarray(data[tuple(places)]), node.outputs[0].name or "gathered")
        ir.convenience.replace_all_uses_with(node.outputs[0], constant)
        model.graph.remove(node, safe=True)
        changed = True
    return changed


class CheckShapes(Pass):
    """Before and after: the same model. Every value has a shape: numbers, and dimensions with a capacity.

    Raises `CompileError` naming the node and the value otherwise.
    """

    def __init__(self, bindings: Bindings) -> None:
        super().__init__()
        self.bindings = bindings

    def rewrite(self, model: ir.Model) -> bool:
        allowed = set(self.bindings.capacity)
        for node in model.graph:
            for value in node.outputs:
                if not value.uses() and not value.is_graph_output():
                    continue
                where = f"node {node.name} ({node.op_type}): the shape of {value.name}"
                if value.shape is None:
                    raise CompileError(f"{where} is unknown, allowed are operators whose shapes follow from those of the inputs")
                unknown = {name for size in value.shape for name in symbols(size)} - allowed
                if unknown:
                    raise CompileError(
                        f"{where} is {value.shape}, allowed are numbers and dimensions with a capacity: it depends on data"
                    )
        return False
