"""Comparisons of real numbers, and the choice between two values by their outcome: int8, 1 for true, else 0.

a >= b: a table of a - b that jumps at 0, where every table has a point; all others are its opposite or swapped
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from gatewright.compiler.formats import INT8, INT16, Format, Tensor
from gatewright.compiler.functions import RealFunction
from gatewright.compiler.graph_access import operands
from gatewright.compiler.lower.broadcast import Sum, join
from gatewright.compiler.lower.elementwise import as_term, joined_like, literal
from gatewright.compiler.lower.functions import curve_into, limit_of
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.spec.config import AcceleratorConfig

__all__: list[str] = []

TRUTH = Format(INT8, np.ones(()))

COMPARISONS = {
    "GreaterOrEqual": (1, False),
    "LessOrEqual": (-1, False),
    "Greater": (-1, True),
    "Less": (1, True),
}
"""The sign of a - b that is 0 or more where the operator is true, or false for those that are the opposite."""


def _refuse_comparison(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    for value in operands(node, 2):
        if value.dtype is None or not value.dtype.is_floating_point():
            return f"{value.name} is {value.dtype}, allowed: real numbers"
        if value.shape is None or not value.shape.is_static() or 0 in value.shape:
            return f"{value.name} has a dynamic size, or no elements"
        if value.const_value is not None and not np.isfinite(value.const_value.numpy()).all():
            return f"{value.name} holds infinity, which the fabric does not have"
    if all(value.const_value is not None for value in operands(node, 2)):
        return "all its operands are constant"
    for reader, index in node.outputs[0].uses():
        if (reader.domain, reader.op_type, index) != ("", "Where", 0):
            return f"{reader.name} ({reader.op_type}) reads it, allowed: Where, and outputs of the model"
    return None


@rule(*COMPARISONS, refuse=_refuse_comparison)
def compare(node: ir.Node, step: LoweredStep) -> None:
    """Numbers that are less than a step of the difference apart count as equal."""
    sign, opposite = COMPARISONS[node.op_type]
    a, b = operands(node, 2)
    reach = step.plan.reach(a) + step.plan.reach(b)
    out = step.make(node.outputs[0], TRUTH)
    out = Tensor(out.view, out.shape, TRUTH, 1.0)
    difference = step.scratch(out, Format.of(INT16, reach), "difference")
    join(step, Sum(sign, -sign), as_term(step, a, reach), as_term(step, b, reach), difference)
    curve_into(step, difference, out, np.zeros(0), RealFunction(lambda x: np.where((x >= 0) ^ opposite, 1.0, 0.0)))
    step.define(node.outputs[0], out)


def _refuse_where(node: ir.Node, config: AcceleratorConfig) -> str | None:
    mask, *values = operands(node, 3)
    for value in (*values, *node.outputs):
        if value.dtype is None or not value.dtype.is_floating_point():
            return f"{value.name} is {value.dtype}, allowed: real numbers"
        if value.shape is None or not value.shape.is_static():
            return f"{value.name} has a dynamic size"
    maker = mask.producer()
    if maker is not None and (maker.op_type not in COMPARISONS or _refuse_comparison(maker, config)):
        return f"{mask.name} is computed, allowed: a constant, an input or a comparison of real numbers"
    return None


@rule("Where", refuse=_refuse_where)
def choose(node: ir.Node, step: LoweredStep) -> None:
    """``a m + b (1 - m)`` with a mask m of 0 and 1."""
    mask, a, b = operands(node, 3)
    given = step.constant(mask)
    m = literal(step, given, TRUTH) if given is not None else step.take(mask, TRUTH)
    m = Tensor(m.view, m.shape, TRUTH, 1.0)
    opposite = step.scratch(m, TRUTH, "opposite")
    step.emit.scale(m, opposite.view, TRUTH, -1.0, 1.0)
    out = step.produce(node.outputs[0])
    parts = []
    for value, factor in ((a, m), (b, Tensor(opposite.view, m.shape, TRUTH, 1.0))):
        tensor = as_term(step, value, 2 * limit_of(out.format))
        part = step.scratch(joined_like(tensor, factor, out), tensor.format, "part")
        part = Tensor(part.view, part.shape, tensor.format, tensor.bound)
        join(step, None, tensor, factor, part)
        parts.append(part)
    join(step, Sum(), parts[0], parts[1], out)
