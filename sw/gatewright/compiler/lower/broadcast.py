"""Sums and products of two values that broadcast as ONNX (numpy) has it: which commands make them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from gatewright.compiler.fabric.kernels import Dim
from gatewright.compiler.formats import Tensor
from gatewright.compiler.lower.step import LoweredStep

__all__ = ["Block", "Dims", "Sum", "blocks", "join"]

Dims = tuple[int | str, ...]


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


def _kind(inner: Dims, out: Dims) -> str | None:
    """How a trailing part of an operand's shape meets that of the result; None when it takes several commands."""
    lead, last = inner[:-1], inner[-1]
    same, ones = lead == out[:-1], all(each == 1 for each in lead)
    if last == out[-1]:
        return "full" if same else "row" if ones else None
    return None if last != 1 else "column" if same else "scalar" if ones else None


def blocks(a: Dims, b: Dims, out: Dims) -> Iterator[Block]:
    """The commands of a broadcast operation: the longest trailing dimensions in which each operand repeats one way."""
    rank = max(len(out), 2)
    a, b, out = (((1,) * (rank - len(shape)) + tuple(shape)) for shape in (a, b, out))
    split = next(i for i in range(rank) if _kind(a[i:], out[i:]) and _kind(b[i:], out[i:]))
    kinds = _kind(a[split:], out[split:]), _kind(b[split:], out[split:])
    rows = math.prod(int(each) for each in out[split:-1])

    def start(shape: Dims, index: tuple[int, ...], kind: str) -> int:
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


@dataclass(frozen=True)
class Sum:
    """``(a_sign a + b_sign b) factor``; only its positive part, if wanted."""

    a_sign: int = 1
    b_sign: int = 1
    factor: float = 1.0
    positive: bool = False


def join(step: LoweredStep, how: Sum | None, a: Tensor, b: Tensor, out: Tensor) -> None:
    """A sum of two tensors, or (None) their product; both broadcast to ``out``."""
    if isinstance(out.view.rows, Dim):
        _command(step, how, a, b, out, False)
        return
    for block in blocks(a.shape, b.shape, out.shape):
        x, y, kinds, order = _part(a, block.a, block.rows), _part(b, block.b, block.rows), (block.a[1], block.b[1]), how
        if kinds[0] in ("column", "scalar"):  # only the second operand repeats a column
            x, y, kinds = y, x, kinds[::-1]
            order = how and replace(how, a_sign=how.b_sign, b_sign=how.a_sign)
        repeats = kinds[1] in ("column", "scalar")
        _command(step, order, x, y, out.on(out.view.part(block.row, block.rows)), repeats and out.view.cols > 1)


def _part(tensor: Tensor, place: tuple[int, str], rows: int) -> Tensor:
    start, kind = place
    view = tensor.view
    if kind in ("full", "column"):
        return tensor.on(view.part(start, rows))
    return tensor.on(view.part(start, 1).repeated(rows))


def _command(step: LoweredStep, how: Sum | None, a: Tensor, b: Tensor, out: Tensor, column: bool) -> None:
    if how is None:
        step.emit.multiply(a, b, out.view, out.format, b_column=column)
    else:
        step.emit.add(
            a,
            b,
            out.view,
            out.format,
            a_sign=how.a_sign,
            b_sign=how.b_sign,
            b_column=column,
            factor=how.factor,
            positive=how.positive,
        )
