"""Gather along any axis but the last: rows of a table are copied by AGGREGATE, with one edge of weight 1 per row."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from gatewright.compiler.fabric.kernels import Size, View, most
from gatewright.compiler.formats import INT8, INT16, Tensor
from gatewright.compiler.graph_access import operand, operands, shape_of, static_shape
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.operators import HOST_DOMAIN
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.fixed import Requantise

__all__ = ["copy_rows"]


def _axis(node: ir.Node) -> int:
    table = operand(node, 0)
    return node.attributes.get_int("axis", 0) % max(len(shape_of(table)), 1)


def _refuse(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    table, index = operands(node, 2)
    if table.dtype is None or not table.dtype.is_floating_point():
        return f"{table.name} is {table.dtype}, and rows are copied in a quantised format"
    if len(shape_of(table)) < 2:
        return f"{table.name} has no rows, but single elements"
    axis = _axis(node)
    if index.const_value is not None:
        if axis == len(shape_of(table)) - 1:
            return "it selects columns"
        return None if shape_of(table).is_static() else f"{table.name} has a dynamic size"
    maker = index.producer()
    if maker is not None and maker.domain != HOST_DOMAIN:
        return (
            f"the indices {index.name} are computed, allowed: integer inputs of the model, and what follows from them"
        )
    if axis:
        return f"its axis is {axis}, allowed with an input as indices: 0"
    if not all(isinstance(size, int) for size in shape_of(index)) and len(shape_of(index)) > 1:
        return f"the indices {index.name} have a dynamic size in {len(shape_of(index))} dimensions, allowed: 1"
    if len(shape_of(table)) > 2 and static_shape(table)[-1] * INT16.itemsize % 8:
        return f"rows of {table.name} have {shape_of(table)[-1]} elements, allowed: a multiple of 4"
    return None


@rule("Gather", refuse=_refuse)
def gather(node: ir.Node, step: LoweredStep) -> None:
    """Constant indices name rows of the matrix in memory: consecutive ones are a view, others are copied."""
    value, index = operands(node, 2)
    table = _table(value, step)
    out, shape = node.outputs[0], step.shape(node.outputs[0])
    chosen = step.constant(index)
    if chosen is not None:
        lead = [int(size) for size in table.shape[:-1]]
        rows = np.arange(math.prod(lead)).reshape(lead).take(chosen, _axis(node)).reshape(-1)
        if np.array_equal(rows, rows[0] + np.arange(rows.size)):
            step.define(out, table.on(table.view.part(int(rows[0]), rows.size), shape))
            return
        copied = step.make(out, table.format)
        copy_rows(step, table.view, View.constant(f"{index.name} rows", rows.astype(np.uint32)), copied.view)
    else:
        count = step.length(index)
        cols = table.view.cols * (most(table.view.rows) // int(table.shape[0]))
        source = table.view.shaped(int(table.shape[0]), cols) if len(table.shape) > 2 else table.view
        assert source is not None
        copied = step.make(out, table.format)
        target = copied.view.shaped(count, cols) if len(table.shape) > 2 else copied.view
        assert target is not None
        copy_rows(step, source, step.indices(index, limit=int(table.shape[0])), target, count)
    step.define(out, Tensor(copied.view, shape, table.format, table.bound))


def _table(value: ir.Value, step: LoweredStep) -> Tensor:
    """A constant in int16, so that no row has to be like those of the calibration; anything else as it lies."""
    if step.constant(value) is None:
        return step.stored(value)
    return step.take(value, step.plan.wide(value))


def copy_rows(step: LoweredStep, table: View, rows: View, out: View, count: Size | None = None) -> None:
    """``out[i] = table[rows[i]]`` for views of one type: bytes times 1."""
    number = out.rows if count is None else count
    pointers = View.constant(f"{step.emit.node} pointers", np.arange(most(number) + 1, dtype=np.uint32))
    ones = View.constant(f"{step.emit.node} ones", np.ones(most(number), np.int16))
    source, target = (
        View(view.buffer, view.rows, view.cols * view.dtype.itemsize, INT8, view.stride, view.offset)
        for view in (table, out)
    )
    step.emit.aggregate(pointers, rows, ones, source, target, number, number, Requantise(1, 0))
