"""Add, Sub, Mul and Div of two values, with ONNX's (numpy's) broadcasting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import onnx_ir as ir

from gatewright.compiler.formats import Tensor
from gatewright.compiler.kernels import Dim, View
from gatewright.compiler.lower.context import Context
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.shapes import dims
from gatewright.spec.config import AcceleratorConfig

__all__ = ["Block", "blocks"]

Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class Block:
    """Rows of a result that one command computes.

    ``row`` is the first of ``rows``; an operand's part is its row index and how it repeats: "full", "row" (one row for
    all), "column" (one value per row) or "scalar".
    """

    row: int
    rows: int
    a: tuple[int, str]
    b: tuple[int, str]


def _kind(inner: Shape, out: Shape) -> str | None:
    """How a trailing part of an operand's shape meets that of the result; None when it takes several commands."""
    lead, last = inner[:-1], inner[-1]
    same, ones = lead == out[:-1], all(each == 1 for each in lead)
    if last == out[-1]:
        return "full" if same else "row" if ones else None
    return None if last != 1 else "column" if same else "scalar" if ones else None


def blocks(a: Shape, b: Shape, out: Shape) -> Iterator[Block]:
    """The commands of a broadcast operation: the longest trailing dimensions in which each operand repeats one way."""
    rank = max(len(out), 2)
    a, b, out = (((1,) * (rank - len(shape)) + tuple(shape)) for shape in (a, b, out))
    split = next(i for i in range(rank) if _kind(a[i:], out[i:]) and _kind(b[i:], out[i:]))
    kinds = _kind(a[split:], out[split:]), _kind(b[split:], out[split:])
    rows = math.prod(int(each) for each in out[split:-1])

    def start(shape: Shape, index: tuple[int, ...], kind: str) -> int:
        place = 0
        for size, at in zip(shape[:split], index, strict=True):
            place = place * int(size) + (at if size != 1 else 0)
        inner = 1 if kind in ("row", "scalar") else rows
        return place * inner

    for number, index in enumerate(product(*(range(int(each)) for each in out[:split]))):
        yield Block(
            number * rows,
            rows,
            (start(a, index, str(kinds[0])), str(kinds[0])),
            (start(b, index, str(kinds[1])), str(kinds[1])),
        )


def _refuse(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    a, b = node.inputs
    assert a is not None and b is not None and a.shape is not None and b.shape is not None
    for value in (a, b):
        if value.dtype is None or not value.dtype.is_floating_point():
            return f"{value.name} is {value.dtype}, and the vector engine computes on quantised real numbers"
    constant = [value.const_value is not None for value in (a, b)]
    if node.op_type == "Div":
        if not constant[1]:
            return f"the divisor {b.name} is not constant"
        if not np.all(b.const_value.numpy()):  # type: ignore[union-attr]
            return f"the divisor {b.name} holds a zero"
    if not any(constant):
        shapes = dims(a.shape), dims(b.shape)
        if any(isinstance(each, str) for shape in shapes for each in shape) and shapes[0] != shapes[1]:
            return "it broadcasts a value of dynamic size"
    return None


@rule("Add", "Sub", "Mul", "Div", refuse=_refuse)
def binary(node: ir.Node, context: Context) -> None:
    """A constant that is one value, or one per column, goes into the output stage; anything else is a second operand."""
    a, b = node.inputs
    assert a is not None and b is not None
    first, second = context.constant(a), context.constant(b)
    if second is not None and _per_column(second, context.shape(a), context.shape(node.outputs[0])):
        constant = np.asarray(second, np.float64).reshape(-1)
        factor, bias = {"Add": (1.0, constant), "Sub": (1.0, -constant), "Mul": (constant, 0.0)}.get(node.op_type) or (
            1 / constant,
            0.0,
        )
        _affine(node, context, a, factor, bias)
    elif (
        first is not None
        and node.op_type != "Div"
        and _per_column(first, context.shape(b), context.shape(node.outputs[0]))
    ):
        constant = np.asarray(first, np.float64).reshape(-1)
        factor, bias = {"Add": (1.0, constant), "Sub": (-1.0, constant), "Mul": (constant, 0.0)}[node.op_type]
        _affine(node, context, b, factor, bias)
    else:
        _two(node, context, a, b)


def _per_column(constant: np.ndarray, other: Shape, out: Shape) -> bool:
    return other == out and constant.size in (1, constant.shape[-1] if constant.ndim else 1)


def _affine(node: ir.Node, context: Context, x: ir.Value, factor: object, bias: object) -> None:
    out = context.produce(node.outputs[0])
    source = context.stored(x)
    factor, bias = (np.asarray(each, np.float64) for each in (factor, bias))
    squeezed = [each.reshape(()) if each.size == 1 else each for each in (factor, bias)]
    context.scale(source, out.view, out.format, *squeezed)


def _two(node: ir.Node, context: Context, a: ir.Value, b: ir.Value) -> None:
    if node.op_type == "Div":  # by a constant that is neither one value nor one per column
        raise AssertionError("a divisor of the same shape is folded into a product")
    left, right = context.uniform(a), context.uniform(b)
    out = context.produce(node.outputs[0])
    if isinstance(out.view.rows, Dim):
        _command(node, context, left, right, out, False)
        return
    for block in blocks(left.shape, right.shape, out.shape):
        x, y, target = _part(left, block.a, block.rows), _part(right, block.b, block.rows), out.view
        part = Tensor(target.part(block.row, block.rows), out.shape, out.format, out.bound)
        sign = -1 if node.op_type == "Sub" else 1
        if block.a[1] in ("column", "scalar"):  # only the second operand repeats a column
            x, y, kinds = y, x, (block.b[1], block.a[1])
            assert sign == 1, "the order of a difference matters"
        else:
            kinds = (block.a[1], block.b[1])
        _command(node, context, x, y, part, kinds[1] in ("column", "scalar"))


def _part(tensor: Tensor, place: tuple[int, str], rows: int) -> Tensor:
    start, kind = place
    view = tensor.view
    if kind in ("full", "column"):
        return tensor.on(view.part(start, rows))
    return tensor.on(view.part(start, 1).repeated(rows))


def _command(node: ir.Node, context: Context, x: Tensor, y: Tensor, out: Tensor, column: bool) -> None:
    if node.op_type == "Mul":
        context.multiply(x, y, out.view, out.format, b_column=column)
    else:
        context.add(x, y, out.view, out.format, b_sign=-1 if node.op_type == "Sub" else 1, b_column=column)


__all__ += ["View"]
