"""A sparse matrix in compressed rows (CSR) times features."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.kernels import Size, View, most
from gatewright.compiler.formats import INT8, INT16, Format
from gatewright.compiler.graph_access import operand, operands, shape_of
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.operators import DOMAIN, HOST_DOMAIN
from gatewright.compiler.quantisation.plan import Plan
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.csr import FEATURE_MAX_ABS, WEIGHT_MAX, CsrMatrix
from gatewright.spec.errors import SpecError
from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS as ACCUMULATOR_BITS
from gatewright.spec.fixed import Requantise

__all__: list[str] = []


def _refuse(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    row_ptr, col, weight, x = operands(node, 4)
    if len(shape_of(x)) != 2:
        return f"the features are {x.shape}, allowed: [rows, columns]"
    for value in (row_ptr, col):
        maker = value.producer()
        if value.const_value is None and maker is not None and maker.domain != HOST_DOMAIN:
            return (
                f"{value.name} is computed, allowed: an input of the model, a constant, or what the host makes of them"
            )
    constant = [value.const_value is not None for value in (row_ptr, col, weight)]
    if any(constant) and not all(constant) and constant[0] != constant[1]:
        return "either both row pointers and columns are constant, or none"
    return None


def _formats(node: ir.Node, plan: Plan) -> tuple[Format, Format]:
    """Of the features and of the result. The result's columns are sums of the features' columns, so that both may have
    a scale per column, in a fixed ratio; they follow what reads the result."""
    x, out = operand(node, 3), node.outputs[0]
    wanted = plan.formats(out)
    result = wanted[0] if len(wanted) == 1 and wanted[0].dtype == INT8 else plan.narrow(out)
    ratio = float((plan.columns(x) / result.scale).max()) / 127
    return Format(INT8, result.scale * ratio), result


@rule("CsrMatMul", domain=DOMAIN, refuse=_refuse, demand=lambda node, plan: {3: _formats(node, plan)[0]})
def csr_matmul(node: ir.Node, step: LoweredStep) -> None:
    """AGGREGATE, of a matrix that is constant, or comes with each call in arrays of a dynamic size."""
    form, result = _formats(node, step.plan)
    x = operand(node, 3)
    features = step.take(x, form)
    out = step.make(node.outputs[0], result)
    step.define(node.outputs[0], out)
    arrays = [array for value in node.inputs[:3] if (array := step.constant(value)) is not None]
    views: list[View]
    rows: Size
    edges: Size
    if len(arrays) == 3:
        row_ptr, col, weight = arrays
        try:
            matrix = CsrMatrix.from_float(row_ptr, col, weight, cols=most(features.view.rows))
        except SpecError as error:
            raise CompileError(f"node {step.emit.node}: {error}") from None
        views = [
            View.constant(f"{step.emit.node} {name}", array)
            for name, array in (("row_ptr", matrix.row_ptr), ("col", matrix.col), ("weight", matrix.weight))
        ]
        unit, rows, edges = matrix.scale, matrix.n_rows, matrix.nnz
    else:
        views, unit, rows, edges = _given(node, step)
    scale = Requantise.from_scale(unit * float((form.scale / result.scale).max()))
    pointers, columns, weights = views
    step.emit.aggregate(pointers, columns, weights, features.view, out.view, rows, edges, scale)


def _given(node: ir.Node, step: LoweredStep) -> tuple[list[View], float, Size, Size]:
    """A matrix whose arrays are inputs: its views, the real value of weight 1, and its rows and edges.

    Weights are small enough that all edges in one row, as large as calibration saw or half as much again, do not
    overflow the accumulator.
    """
    row_ptr, col, weight = operands(node, 3)
    edges = step.length(col)
    largest = min(WEIGHT_MAX, (1 << ACCUMULATOR_BITS - 1) // (FEATURE_MAX_ABS * max(most(edges), 1)))
    form = Format(INT16, np.asarray(step.plan.reach(weight) / largest))
    pointers = step.length(row_ptr)
    views = [
        step.indices(row_ptr),
        step.indices(col, limit=most(step.sizes(operand(node, 3))[0])),
        step.take(weight, form).view,
    ]
    return views, float(form.scale), pointers + -1, edges
