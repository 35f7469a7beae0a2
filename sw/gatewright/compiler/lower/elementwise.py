"""Operators that join values element by element, with ONNX's (numpy's) broadcasting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.kernels import Dim, View
from gatewright.compiler.fabric.matrices import dims
from gatewright.compiler.formats import INT16, Format, Tensor
from gatewright.compiler.functions import RealFunction
from gatewright.compiler.graph_access import operand, operands
from gatewright.compiler.lower.broadcast import Dims, Sum, join
from gatewright.compiler.lower.functions import apply, curve_into, limit_of, only_real
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.quantisation.headroom import headroom
from gatewright.compiler.quantisation.plan import Plan
from gatewright.spec.config import AcceleratorConfig

__all__ = ["as_term", "joined_like", "literal"]

Real = npt.NDArray[np.float64]

COARSE = 64
"""How many times larger than all that can matter an operand's range may be before it is brought to a finer format."""


# ---- operands


def literal(step: LoweredStep, values: npt.NDArray[Any], form: Format) -> Tensor:
    """A constant that the model does not have as such."""
    matrix = form.quantise(np.asarray(values, np.float64)).reshape(-1, values.shape[-1] if values.ndim else 1)
    view = View.constant(f"{step.emit.node} constant", matrix)
    return Tensor(view, values.shape, form, float(np.abs(matrix.astype(np.int64)).max(initial=1)))


def _exactly(values: npt.NDArray[Any], reach: float = math.inf) -> Format:
    """int16 for constants, of which only what lies within ``reach`` is told apart."""
    return Format.of(INT16, min(float(np.abs(values).max(initial=0.0)), reach))


def as_term(step: LoweredStep, value: ir.Value, reach: float) -> Tensor:
    """A value as one term of a sum in which magnitudes beyond ``reach`` are all alike (a mask's, for example)."""
    constant = step.constant(value)
    if constant is not None:
        return literal(step, constant, _exactly(constant, reach))
    tensor = step.uniform(value)
    if limit_of(tensor.format) > COARSE * reach:
        return step.take(value, Format.of(INT16, reach))
    return tensor


def _factor(step: LoweredStep, value: ir.Value) -> Tensor:
    """A value as one factor of a product, which takes 16 bits of one of them."""
    constant = step.constant(value)
    return step.narrow(value) if constant is None else literal(step, constant, _exactly(constant))


def _terms(step: LoweredStep, a: ir.Value, b: ir.Value, out: Tensor) -> tuple[Tensor, Tensor]:
    """Both terms of a sum; whatever saturates the result whatever the other is need not be told apart."""
    largest = [step.plan.reach(value) for value in (a, b)]
    limit = limit_of(out.format)
    first, second = (limit + min(other, limit) for other in reversed(largest))
    return as_term(step, a, first), as_term(step, b, second)


# ---- sums, products and quotients


def _refuse(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    reason = only_real(node)
    if reason is not None:
        return reason
    varying = [value for value in node.inputs if value is not None and value.const_value is None]
    if not varying:
        return "all its operands are constant"
    if node.op_type == "Div":
        divisor = operand(node, 1)
        if divisor.const_value is not None and not np.all(divisor.const_value.numpy()):
            return f"the divisor {divisor.name} holds a zero"
    shapes = [
        dims(value.shape) for value in (*node.inputs, *node.outputs) if value is not None and value.shape is not None
    ]
    dynamic = [shape for shape in shapes if any(isinstance(size, str) for size in shape)]
    if any(0 in shape for shape in shapes):
        return "it has an operand without elements"
    if dynamic and any(shape != dynamic[0] for shape in shapes if shape not in _rows(dynamic[0])):
        return "it broadcasts a value of dynamic size"
    return None


def _rows(shape: Dims) -> set[Dims]:
    """Shapes of constants that go into the output stage beside a value of ``shape``."""
    return {shape, (), *((1,) * rank + (size,) for rank in range(len(shape)) for size in (1, shape[-1]))}


def _demand(node: ir.Node, plan: Plan) -> dict[int, Format]:
    """A term that says "not here" must be able to outweigh any other."""
    wanted = plan.formats(node.outputs[0])
    if node.op_type not in ("Add", "Sub") or len(wanted) != 1:
        return {}
    far = Format.of(INT16, 2 * limit_of(wanted[0]))
    return {index: far for index, value in enumerate(node.inputs) if value is not None and plan.masked(value)}


@rule("Add", "Sub", "Mul", "Div", refuse=_refuse, demand=_demand)
def binary(node: ir.Node, step: LoweredStep) -> None:
    """A constant of one value, or one per column, goes into the output stage; anything else is a second operand."""
    a, b = operands(node, 2)
    shape = step.shape(node.outputs[0])
    first, second = step.constant(a), step.constant(b)
    if second is not None and _per_column(second, step.shape(a), shape):
        _affine(node, step, a, *_stage(node.op_type, second, swapped=False))
    elif first is not None and node.op_type != "Div" and _per_column(first, step.shape(b), shape):
        _affine(node, step, b, *_stage(node.op_type, first, swapped=True))
    elif node.op_type == "Div":
        _divide(step, a, b, node.outputs[0])
    elif node.op_type == "Mul":
        out = step.produce(node.outputs[0])
        join(step, None, _factor(step, a), _factor(step, b), out)
    else:
        out = step.produce(node.outputs[0])
        join(step, Sum(b_sign=-1 if node.op_type == "Sub" else 1), *_terms(step, a, b, out), out)


def _per_column(constant: npt.NDArray[Any], other: Dims, out: Dims) -> bool:
    return other == out and constant.size in (1, constant.shape[-1] if constant.ndim else 1)


def _stage(operator: str, constant: npt.NDArray[Any], *, swapped: bool) -> tuple[Real, Real]:
    """Factor and bias of the operator with a constant."""
    values = np.asarray(constant, np.float64).reshape(-1)
    values = values.reshape(()) if values.size == 1 else values
    one, none = np.ones(()), np.zeros(())
    if operator in ("Mul", "Div"):
        return (values if operator == "Mul" else 1 / values), none
    return (-one if operator == "Sub" and swapped else one), (-values if operator == "Sub" and not swapped else values)


def _affine(node: ir.Node, step: LoweredStep, x: ir.Value, factor: Real, bias: Real) -> None:
    source = step.stored(x)
    out = step.produce(node.outputs[0])
    step.emit.scale(source, out.view, out.format, factor, bias)


def _divide(step: LoweredStep, a: ir.Value, b: ir.Value, result: ir.Value) -> None:
    """By a constant: a product. By a value: a product with its reciprocal, a curve."""
    out = step.produce(result)
    constant = step.constant(b)
    if constant is not None:
        inverse = literal(step, 1 / constant.astype(np.float64), _exactly(1 / constant.astype(np.float64)))
    else:
        divisor = step.narrow(b)
        seen = step.plan.observations.get(b.name or "")
        sample = np.zeros((0, 1)) if seen is None else seen.sample.astype(np.float64)
        known = np.divide(1, sample, out=np.zeros_like(sample), where=sample != 0)
        largest = float(np.abs(known).max(initial=1 / limit_of(divisor.format)))
        inverse = step.scratch(divisor, Format.of(INT16, headroom(np.zeros(0), known) * largest), "reciprocal")
        curve_into(step, divisor, inverse, sample.reshape(-1), RealFunction(np.reciprocal))
    join(step, None, _factor(step, a), inverse, out)


# ---- any number of operands


@rule("Sum", "Mean", refuse=_refuse)
def total(node: ir.Node, step: LoweredStep) -> None:
    """Sums of two, in a row; the last divides for the mean."""
    values = [value for value in node.inputs if value is not None]
    factor = 1 / len(values) if node.op_type == "Mean" else 1.0
    out = step.produce(node.outputs[0])
    reach = limit_of(out.format) / factor * 2
    terms = [as_term(step, value, reach) for value in values]
    if len(terms) == 1:
        step.emit.scale(terms[0], out.view, out.format)
        return
    have = terms[0]
    for index, term in enumerate(terms[1:], 2):
        last = index == len(terms)
        place = out if last else step.scratch(joined_like(have, term, out), _both(have.format, term.format), "sum")
        join(step, Sum(factor=factor if last else 1.0), have, term, place)
        have = place


def _both(a: Format, b: Format) -> Format:
    return Format.of(INT16, limit_of(a) + limit_of(b))


def joined_like(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """A stand-in with the shape to which two tensors broadcast."""
    if isinstance(out.view.rows, Dim):
        return out
    shape = np.broadcast_shapes(*(tuple(int(size) for size in each.shape) for each in (a, b)))
    rows, cols = math.prod(shape[:-1]), shape[-1] if shape else 1
    return Tensor(View.new("", rows, cols, INT16), shape, out.format, out.bound)


@rule("Max", "Min", refuse=_refuse)
def extreme(node: ir.Node, step: LoweredStep) -> None:
    """``max(a, b) = b + positive part of a - b``, the minimum likewise; against one constant a curve with a kink."""
    values = [value for value in node.inputs if value is not None]
    sign = 1 if node.op_type == "Max" else -1
    constants = [(index, each) for index, value in enumerate(values) if (each := step.constant(value)) is not None]
    single = next(((index, each) for index, each in constants if each.size == 1), None)
    if len(values) == 2 and single is not None:
        bound, other = float(single[1].reshape(-1)[0]), values[1 - single[0]]
        if step.shape(other) == step.shape(node.outputs[0]):
            pick = np.maximum if sign > 0 else np.minimum
            apply(step, other, node.outputs[0], RealFunction(lambda x: pick(x, bound), [bound] if bound else ()))
            return
    out = step.produce(node.outputs[0])
    terms = [as_term(step, value, 4 * limit_of(out.format)) for value in values]
    if len(terms) == 1:
        step.emit.scale(terms[0], out.view, out.format)
        return
    have = terms[0]
    for index, term in enumerate(terms[1:], 2):
        like = joined_like(have, term, out)
        place = out if index == len(terms) else step.scratch(like, _both(have.format, term.format), "extreme")
        rest = step.scratch(like, _both(have.format, term.format), "excess")
        join(step, Sum(sign, -sign, positive=True), have, term, rest)
        join(step, Sum(b_sign=sign), term, rest, place)
        have = place
