"""Products of two activations: int8 with one scale each, one GEMM for each matrix of a batch.

What saturates at -128 may as well do so at -127: the right operand is narrow.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from gatewright.compiler.fabric.kernels import View, most
from gatewright.compiler.fabric.matrices import dims
from gatewright.compiler.fabric.positions import Positions, elements, movable
from gatewright.compiler.formats import INT16, Format, Tensor
from gatewright.compiler.graph_access import operand, operands, shape_of, static_shape
from gatewright.compiler.lower.broadcast import Sum, join
from gatewright.compiler.lower.functions import limit_of, only_real
from gatewright.compiler.lower.linear import product
from gatewright.compiler.lower.move import arrange, matrices
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.shape import transposed
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.quantisation.plan import Plan
from gatewright.spec.config import AcceleratorConfig

__all__ = ["pairs"]


def _refuse(node: ir.Node, config: AcceleratorConfig) -> str | None:
    reason = only_real(node)
    if reason is not None:
        return reason
    left, right = operands(node, 2)
    a, b = dims(shape_of(left)), dims(shape_of(right))
    if 0 in (*a, *b):
        return "it has an operand without elements"
    if any(isinstance(size, str) for size in b):
        return f"{right.name} has a dynamic size"
    if any(isinstance(size, str) for size in a) and (len(b) > 2 or len(b) < 2):
        return f"{left.name} has a dynamic size"
    if node.op_type == "Gemm" and node.attributes.get_int("transA", 0) != 0:
        sizes = [size for size in a if isinstance(size, int)]
        if len(sizes) < len(a) or not movable([_swapped(node)], [sizes], 1, config):
            return f"{left.name} is too large to be transposed"
    return None


def _demand(node: ir.Node, plan: Plan) -> dict[int, Format]:
    a, b = operands(node, 2)
    return {0: plan.factor(a), 1: plan.factor(b)}


def pairs(a: tuple[int, ...], b: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """Indices of matrices of A, of B and of the result, for batch shapes ``a`` and ``b``."""
    batch = np.broadcast_shapes(a, b)
    left = np.broadcast_to(elements(a), batch).reshape(-1)
    right = np.broadcast_to(elements(b), batch).reshape(-1)
    yield from ((int(x), int(y), index) for index, (x, y) in enumerate(zip(left, right, strict=True)))


@rule("MatMul", refuse=_refuse, demand=_demand)
def matmul(node: ir.Node, step: LoweredStep) -> None:
    """B as it lies, [K, N]; of a Transpose's result what that Transpose read, if rows need not be torn apart."""
    a, b = operands(node, 2)
    a_form, b_form = step.plan.factor(a), step.plan.factor(b)
    out = step.produce(node.outputs[0])
    if len(b.shape or ()) == 1:  # the vector's products with the rows of A are one row: those of A with the vector
        _rows_times_vector(step, step.take(a, a_form), step.take(b, b_form), out)
        return
    unit = np.full(out.view.cols, float(a_form.scale) * float(b_form.scale))
    none = np.zeros(out.view.cols)
    right, is_kn = _right(step, b, b_form)
    if len(right) == 1:
        product(step, step.take(a, a_form).view, right[0], unit, none, out, b_is_kn=is_kn, narrow=True)
        return
    left = _batch(step, a, a_form)
    rows = most(left[0].rows)
    for x, y, index in pairs(_lead(step, a), _lead(step, b)):
        part = out.on(out.view.part(index * rows, rows))
        product(step, left[x], right[y], unit, none, part, b_is_kn=is_kn, narrow=True)


def _lead(step: LoweredStep, value: ir.Value) -> tuple[int, ...]:
    return tuple(int(size) for size in step.shape(value)[:-2])


def _batch(step: LoweredStep, value: ir.Value, form: Format) -> list[View]:
    """The matrices of a value."""
    turned = _before_transpose(step, value)
    found = matrices(step, *turned, form) if turned is not None else None
    if found is not None:
        return found
    view, shape = step.take(value, form).view, step.shape(value)
    rows = int(shape[-2]) if len(shape) > 1 else 1
    return [view.part(row, rows) for row in range(0, most(view.rows), rows)]


def _right(step: LoweredStep, b: ir.Value, form: Format) -> tuple[list[View], bool]:
    """The matrices of B, and whether they are [K, N]."""
    turned = _before_transpose(step, b)
    if turned is None:
        return _batch(step, b, form), True
    source, positions = turned
    other = positions.swapaxes(-1, -2)
    if (found := matrices(step, source, other, form)) is not None:
        return found, False
    if other.shape[-1] > 1 and (np.diff(other, axis=-1) == 1).all():  # copies of rows
        view = _in(step, source, other, form).view
        return [view.part(row, other.shape[-2]) for row in range(0, most(view.rows), other.shape[-2])], False
    return _batch(step, b, form), True


def _before_transpose(step: LoweredStep, value: ir.Value) -> tuple[ir.Value, Positions] | None:
    """What a Transpose in this step made ``value`` of, and which of its elements it is."""
    node = value.producer()
    if node is None or (node.domain, node.op_type) != ("", "Transpose") or not step.has(value):
        return None
    source = operand(node, 0)
    positions = transposed(node, elements(static_shape(source)))[0]
    below = _before_transpose(step, source)
    return (source, positions) if below is None else (below[0], below[1].reshape(-1)[positions])


def _rows_times_vector(step: LoweredStep, x: Tensor, vector: Tensor, out: Tensor) -> None:
    unit = np.full(out.view.cols, float(x.format.scale) * float(vector.format.scale))
    rows = out.view.cols
    for index in range(most(out.view.rows)):
        a_part, part = x.view.part(index * rows, rows), out.on(out.view.part(index, 1))
        product(step, vector.view, a_part, unit, np.zeros(rows), part, narrow=True)


def _in(step: LoweredStep, value: ir.Value, positions: Positions, form: Format) -> Tensor:
    """Moved elements of a value, in a format."""
    tensor = arrange(step, [(value, positions)], form)
    if tensor.format.same(form):
        return tensor
    made = step.blank(positions.shape, form, "narrow")
    step.emit.scale(tensor, made.view, form)
    return made


# ---- Gemm whose operands are no constants


def _swapped(node: ir.Node) -> Positions:
    a = operand(node, 0)
    return elements(static_shape(a)).T


@rule("Gemm", refuse=_refuse, demand=_demand)
def gemm(node: ir.Node, step: LoweredStep) -> None:
    """``alpha A B + beta C``."""
    a, b = operands(node, 2)
    rest = node.inputs[2:]
    alpha, beta = node.attributes.get_float("alpha", 1.0), node.attributes.get_float("beta", 1.0)
    form = step.plan.factor(a)
    x = step.take(a, form)
    if node.attributes.get_int("transA", 0):
        x = _in(step, a, _swapped(node), form)
    y = step.take(b, step.plan.factor(b))
    out = step.produce(node.outputs[0])
    c = rest[0] if rest and beta else None
    size = abs(alpha) * float(x.format.scale) * float(y.format.scale)
    target = out
    if c is not None or alpha < 0:
        reach = limit_of(out.format) + (step.plan.reach(c) * abs(beta) if c is not None else 0)
        target = step.scratch(out, Format.of(INT16, reach), "product")
    is_kn = not node.attributes.get_int("transB", 0)
    none = np.zeros(out.view.cols)
    product(step, x.view, y.view, np.full(out.view.cols, size), none, target, b_is_kn=is_kn, narrow=True)
    sign = -1 if alpha < 0 else 1
    if c is not None:
        term = step.uniform(c)
        scaled = Tensor(term.view, term.shape, Format(term.format.dtype, term.format.scale * abs(beta)), term.bound)
        join(step, Sum(sign, -1 if beta < 0 else 1), target, scaled, out)
    elif alpha < 0:
        step.emit.scale(target, out.view, out.format, -1.0)
