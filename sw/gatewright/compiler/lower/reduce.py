"""Sums and means over axes: products with ones, exact for int16 since it goes as two int8 parts with int32 results."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from gatewright.compiler.fabric.kernels import View, most
from gatewright.compiler.fabric.positions import Positions, elements, movable
from gatewright.compiler.formats import INT16, INT32, Format, Tensor
from gatewright.compiler.graph_access import operand, shape_of, static_shape
from gatewright.compiler.lower.move import arrange, split
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.spec.config import AcceleratorConfig

__all__ = ["add_up"]


def _axes(node: ir.Node) -> tuple[int, ...]:
    x = operand(node, 0)
    rank = len(shape_of(x))
    given = node.inputs[1] if len(node.inputs) > 1 else None
    if given is not None and given.const_value is not None and given.const_value.size:
        found = [int(axis) for axis in given.const_value.numpy().reshape(-1)]
    elif "axes" in node.attributes:
        found = list(node.attributes.get_ints("axes"))
    elif node.attributes.get_int("noop_with_empty_axes", 0):
        return ()
    else:
        found = list(range(rank))
    return tuple(sorted(axis % rank for axis in found))


def _turned(node: ir.Node) -> Positions:
    """The operand's elements with the axes that are summed behind all others, as one; those that stay as they were."""
    x = operand(node, 0)
    shape, axes = static_shape(x), _axes(node)
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    count = math.prod(shape[axis] for axis in axes)
    return elements(shape).transpose([*kept, *axes]).reshape(*(shape[axis] for axis in kept), count)


def _refuse(node: ir.Node, config: AcceleratorConfig) -> str | None:
    x = operand(node, 0)
    if x.dtype is None or not x.dtype.is_floating_point():
        return f"{x.name} is {x.dtype}, allowed: real numbers"
    if not shape_of(x).is_static():
        return f"{x.name} has a dynamic size"
    turned = _turned(node)
    if not turned.size:
        return f"{x.name} has no elements"
    if turned.shape[-1] > config.gemm_max_k:
        return f"{turned.shape[-1]} elements are summed, allowed at most {config.gemm_max_k}"
    if not movable([turned], [static_shape(x)], 2, config):
        return f"its axes {list(_axes(node))} cannot be brought to the last place"
    return None


@rule("ReduceMean", "ReduceSum", refuse=_refuse, constants=(1,))
def reduce(node: ir.Node, step: LoweredStep) -> None:
    """The axes that are summed become the last one."""
    x, out = operand(node, 0), step.produce(node.outputs[0])
    source = arrange(step, [(x, _turned(node))], step.plan.wide(x))
    add_up(step, source, out, 1 / source.view.cols if node.op_type == "ReduceMean" else 1.0)


def add_up(step: LoweredStep, source: Tensor, out: Tensor, factor: float) -> None:
    """``out`` = sums of the rows of ``source``, times ``factor``; as many as it has elements, in their order.

    ``X ones^T`` where the sums are one column, else ``ones X^T`` for each row of sums; of the high and the low part.
    """
    count = source.view.cols
    parts = split(step, source) if source.view.dtype == INT16 else (source,)
    ones = View.constant(f"{step.emit.node} ones", np.ones((1, count), np.int8))
    sums = [step.scratch(out, Format(INT32, part.format.scale), "sums") for part in parts]
    rows, cols = most(out.view.rows), out.view.cols
    for part, total in zip(parts, sums, strict=True):
        if cols == 1:
            step.emit.gemm(part.view, ones, total.view, None)
            continue
        for row in range(rows):
            step.emit.gemm(ones, part.view.part(row * cols, cols), total.view.part(row, 1), None)
    exact = [Tensor(each.view, each.shape, each.format, float(count << 7)) for each in sums]
    if len(exact) == 1:
        step.emit.scale(exact[0], out.view, out.format, factor)
    else:
        high, low = exact
        step.emit.add(high, low, out.view, out.format, factor=factor)
