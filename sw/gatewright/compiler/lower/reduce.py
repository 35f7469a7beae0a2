"""Sums and means over axes: products with ones, exact for int16 since it goes as two int8 parts with int32 results."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from gatewright.compiler.fabric.kernels import View
from gatewright.compiler.fabric.positions import Positions, elements, movable
from gatewright.compiler.formats import INT16, INT32, Format, Tensor
from gatewright.compiler.lower.move import arrange, split
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.spec.config import AcceleratorConfig

__all__ = ["add_up"]


def _axes(node: ir.Node) -> tuple[int, ...]:
    x = node.inputs[0]
    assert x is not None and x.shape is not None
    rank = len(x.shape)
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
    x = node.inputs[0]
    assert x is not None and x.shape is not None
    shape, axes = tuple(int(size) for size in x.shape), _axes(node)  # type: ignore[arg-type]
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    count = math.prod(shape[axis] for axis in axes)
    return elements(shape).transpose([*kept, *axes]).reshape(*(shape[axis] for axis in kept), count)


def _refuse(node: ir.Node, config: AcceleratorConfig) -> str | None:
    x = node.inputs[0]
    assert x is not None and x.shape is not None
    if x.dtype is None or not x.dtype.is_floating_point():
        return f"{x.name} is {x.dtype}, allowed: real numbers"
    if not x.shape.is_static():
        return f"{x.name} has a dynamic size"
    turned = _turned(node)
    if not turned.size:
        return f"{x.name} has no elements"
    if turned.shape[-1] > config.gemm_max_k:
        return f"{turned.shape[-1]} elements are summed, allowed at most {config.gemm_max_k}"
    if not movable([turned], [tuple(int(size) for size in x.shape)], 2, config):  # type: ignore[arg-type]
        return f"its axes {list(_axes(node))} cannot be brought to the last place"
    return None


@rule("ReduceMean", "ReduceSum", refuse=_refuse, constants=(1,))
def reduce(node: ir.Node, step: LoweredStep) -> None:
    """The axes that are summed become the last one."""
    x, out = node.inputs[0], step.produce(node.outputs[0])
    assert x is not None
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
    rows, cols = int(out.view.rows), out.view.cols  # type: ignore[arg-type]
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
        step.emit.add(*exact, out.view, out.format, factor=factor)
