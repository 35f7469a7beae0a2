"""Softmax: along the last axis one command; along another one between two moves."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from gatewright.compiler.errors import OutOfRangeError
from gatewright.compiler.fabric.positions import elements, movable
from gatewright.compiler.formats import INT16, Format
from gatewright.compiler.graph_access import operand, shape_of, static_shape
from gatewright.compiler.lower.functions import only_real
from gatewright.compiler.lower.move import arrange
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.quantisation.observation import MASKED
from gatewright.compiler.quantisation.plan import VANISHING, Plan
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.vector import EXP2_FRACTION_BITS, VALUE_BITS

__all__: list[str] = []


MOST = (1 << VALUE_BITS - 1 - EXP2_FRACTION_BITS) * math.log(2)
"""The largest score that the vector engine's log2 units hold."""


def _axis(node: ir.Node) -> int:
    x = operand(node, 0)
    return node.attributes.get_int("axis", -1) % max(len(shape_of(x)), 1)


def _refuse(node: ir.Node, config: AcceleratorConfig) -> str | None:
    reason = only_real(node)
    if reason is not None:
        return reason
    x = operand(node, 0)
    if not len(shape_of(x)):
        return f"{x.name} is a single number"
    axis = _axis(node)
    last = axis == len(shape_of(x)) - 1
    size = shape_of(x)[axis]
    if not isinstance(size, int) or not (last or shape_of(x).is_static()):
        return f"{x.name} has a dynamic size"
    if size > config.max_columns:
        return f"a row has {size} columns, allowed at most {config.max_columns}"
    if not last:
        shape = static_shape(x)
        there = elements(shape).swapaxes(axis, -1)
        if not movable([there], [shape], 2, config):
            return f"its axis {axis} cannot be brought to the last place"
    return None


def _demand(node: ir.Node, plan: Plan) -> dict[int, Format]:
    """Scores without those that a mask has made very small."""
    x = operand(node, 0)
    seen = plan.observations.get(x.name or "")
    if seen is None or not seen.sample.size or _axis(node) != len(x.shape or ()) - 1:
        return {}
    sample = seen.sample.astype(np.float64)
    sample = sample[(sample > -MASKED).any(-1)]  # a row without anything has no largest
    top = sample.max(-1, keepdims=True)
    counts = sample > top - VANISHING
    if counts.all():
        return {}
    largest = float(np.abs(np.where(counts, sample, 0)).max())
    return {0: Format.of(INT16, max(largest * seen.headroom, VANISHING - float(top.min())))}


@rule("Softmax", refuse=_refuse, demand=_demand)
def softmax(node: ir.Node, step: LoweredStep) -> None:
    """Of rows; those of another axis are made and undone."""
    x, out = operand(node, 0), node.outputs[0]
    axis, rank = _axis(node), len(step.shape(x))
    top = step.plan.largest(x)
    if step.target(x).same(step.plan.wide(x)) and top > MOST:
        raise OutOfRangeError(f"it takes the softmax of numbers up to {top:,.0f}, allowed up to {MOST:,.0f}")
    if axis == rank - 1:
        source, made = step.narrow(x), step.produce(out)
        step.emit.softmax(source, made.view, made.format)
        return
    shape = tuple(int(size) for size in step.shape(x))
    turned = elements(shape).swapaxes(axis, -1)
    rows = arrange(step, [(x, turned)], step.plan.wide(x))
    form = step.plan.wide(out)
    made = step.blank(turned.shape, form, "rows")
    step.emit.softmax(rows, made.view, form)
    between = ir.Value(
        name=f"{step.emit.node} rows", shape=ir.Shape(turned.shape), type=ir.TensorType(ir.DataType.FLOAT)
    )
    step.define(between, made)
    step.define(out, arrange(step, [(between, elements(turned.shape).swapaxes(axis, -1))], form))
