"""Moves elements: what an operator does to its operand's elements is given by their positions, and becomes

* a view, where each row of the result is a piece of memory and the rows lie at a regular distance: no command,
* copies of pieces (VECTOR), where the pieces start at multiples of 8 bytes,
* or a product with a matrix of zeros and ones (GEMM), which is exact: ``Y = X P`` where a row's elements come from a window
  of memory that moves on with the rows, or ``Y = P X^T`` where an element's column says from which row it comes, as in a
  transposition. An int16 goes as two int8 matrices, a high and a low part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.formats import INT8, INT16, INT32, Format, Tensor
from gatewright.compiler.kernels import View
from gatewright.compiler.lower.context import Context
from gatewright.compiler.lower.emit import gemm_params
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import ALIGNMENT

__all__ = ["ABSENT", "Positions", "arrange", "elements", "matrices", "movable", "move", "split"]

Positions = npt.NDArray[np.int64]
"""For each element of a result, in its shape, the number of the operand's element that it is, or ABSENT."""

ABSENT = -1

MOST_COPIES = 1024
"""Commands that a move may take."""

MOST_ONES = 1 << 21
"""Bytes that the matrices of zeros and ones of one move may take."""

SPLIT_LIMIT = 127 * 256 + 127
"""The largest int16 that a high and a low int8 part hold."""


@dataclass(frozen=True)
class _Copy:
    """``rows`` rows of ``cols`` elements: from byte ``start``, ``stride`` bytes apart, to row and column of the result."""

    row: int
    rows: int
    col: int
    cols: int
    start: int
    stride: int


@dataclass(frozen=True, eq=False)
class _Product:
    """One GEMM, whose operands and result are described in elements of int8 and byte distances in the source.

    ``on_left``: Y[i] = X[i] P^T, else Y = P X^T. X has ``rows`` rows of ``window`` elements from byte ``start``, ``stride``
    apart. ``ones`` is P, [group, window], or on the left [group, cols, window]: there ``group`` rows of the value are one
    row of Y. ``row`` is the first row of the value that it makes.
    """

    on_left: bool
    start: int
    stride: int
    rows: int
    window: int
    ones: npt.NDArray[np.int8]
    row: int
    group: int

    @property
    def work(self) -> int:
        return self.rows * self.ones.size


# ---- planning


def _matrix(positions: Positions) -> Positions:
    return positions.reshape(-1, positions.shape[-1]) if positions.ndim > 1 else positions.reshape(1, -1)


def _addresses(positions: Positions, cols: int, stride: int, size: int) -> Positions:
    """Byte addresses of elements in a matrix with ``cols`` columns; ABSENT stays."""
    found = positions // max(cols, 1) * stride + positions % max(cols, 1) * size
    return np.where(positions < 0, ABSENT, found)


def _as_view(addresses: Positions, size: int) -> tuple[int, int] | None:
    """Start and stride (0 for a single row) of the rows, or None."""
    rows = len(addresses)
    start = int(addresses[0, 0])
    if start < 0 or start % ALIGNMENT:
        return None
    stride = int(addresses[1, 0]) - start if rows > 1 else 0
    if rows > 1 and (stride <= 0 or stride % ALIGNMENT):
        return None
    wanted = start + np.arange(rows)[:, None] * stride + np.arange(addresses.shape[1]) * size
    return (start, stride) if np.array_equal(addresses, wanted) else None


def _as_copies(addresses: Positions, size: int) -> list[_Copy] | None:
    """Copies of all elements that are there, or None where a piece starts between multiples of 8 bytes."""
    absent = addresses < 0
    joined = np.where(absent[:, 1:], absent[:, :-1], ~absent[:, :-1] & (np.diff(addresses, axis=1) == size))
    breaks = [0, *(np.flatnonzero(~joined.all(0)) + 1).tolist(), addresses.shape[1]]
    found: list[_Copy] = []
    for col, end in zip(breaks, breaks[1:], strict=False):
        starts = addresses[:, col]
        there = starts >= 0
        if not there.any():
            continue
        if col * size % ALIGNMENT or (starts[there] % ALIGNMENT).any():
            return None
        for row, rows, stride in _progressions(starts):
            found.append(_Copy(row, rows, col, end - col, int(starts[row]), stride))
            if len(found) > MOST_COPIES:
                return None
    return found


def _progressions(starts: Positions) -> Iterator[tuple[int, int, int]]:
    """First row, number of rows and distance of the runs of rows that follow each other at one distance."""
    row = 0
    while row < len(starts):
        if starts[row] < 0:
            row += 1
            continue
        stride = int(starts[row + 1] - starts[row]) if row + 1 < len(starts) and starts[row + 1] >= 0 else -1
        if stride < 0:
            yield row, 1, 0
            row += 1
            continue
        other = np.flatnonzero(np.diff(starts[row:]) != stride)
        rows = int(other[0]) + 1 if len(other) else len(starts) - row
        yield row, rows, stride
        row += rows


def _as_products(addresses: Positions, most_k: int) -> list[_Product] | None:
    """The cheapest products of int8 elements that make the result, or None."""
    best: list[_Product] | None = None
    for group in (each for each in range(1, len(addresses) + 1) if len(addresses) % each == 0):
        for found in (_left(addresses, group, most_k), _right(addresses, group, most_k)):
            if found is not None and sum(each.ones.size for each in found) <= MOST_ONES:
                cost = sum(each.work for each in found) + (len(found) << 16)
                if best is None or cost < sum(each.work for each in best) + (len(best) << 16):
                    best = found
    return best


def _left(addresses: Positions, group: int, most_k: int) -> list[_Product] | None:
    """``Y[i] = X[i] P^T`` with ``group`` rows of the result in one row of Y."""
    first = addresses[:group]
    there = first >= 0
    outer = addresses.reshape(-1, group, addresses.shape[1])
    if not there.any():
        return None
    lowest = int(first[there].min()) // ALIGNMENT * ALIGNMENT
    window = int(first[there].max()) - lowest + 1
    if window > most_k or window * first.size > MOST_ONES:
        return None
    stride = int((outer[1] - outer[0])[there][0]) if len(outer) > 1 else ALIGNMENT
    steps = np.arange(len(outer))[:, None, None] * stride
    if stride % ALIGNMENT or stride <= 0 or not np.array_equal(outer, np.where(there, first + steps, ABSENT)):
        return None
    ones = np.zeros((*first.shape, window), np.int8)
    row, col = np.nonzero(there)
    ones[row, col, first[there] - lowest] = 1
    return [_Product(True, lowest, stride, len(outer), window, ones, 0, group)]


def _right(addresses: Positions, group: int, most_k: int) -> list[_Product] | None:
    """``Y = P X^T`` for each ``group`` rows of the result."""
    found = []
    count = len(addresses) // group
    if (addresses < 0).any() or group < 2 or count > MOST_COPIES:
        return None
    cols = addresses.shape[1]
    stride = int(addresses[0, 1] - addresses[0, 0]) if cols > 1 else ALIGNMENT
    if stride <= 0 or stride % ALIGNMENT or (np.diff(addresses, axis=1) != stride).any():
        return None
    for index, heads in enumerate(addresses[:, 0].reshape(count, group)):
        lowest = int(heads.min()) // ALIGNMENT * ALIGNMENT
        window = int(heads.max()) - lowest + 1
        if window > most_k or window * group * count > MOST_ONES:
            return None
        ones = np.zeros((group, window), np.int8)
        ones[np.arange(group), heads - lowest] = 1
        found.append(_Product(False, lowest, stride, cols, window, ones, index * group, group))
    return found


def movable(positions: Sequence[Positions], shapes: Sequence[Sequence[int]], size: int, config: AcceleratorConfig) -> bool:
    """Whether :func:`move` can make a value from operands of ``shapes`` with elements of ``size`` bytes."""

    def layout(at: int, width: int) -> Positions:
        cols = shapes[at][-1] if len(shapes[at]) else 1
        stride = -(-cols * width // ALIGNMENT) * ALIGNMENT
        return _addresses(_matrix(positions[at]), cols, stride, width)

    indices = range(len(positions))
    if any(each.size == 0 for each in positions):
        return False
    if all(_as_copies(layout(at, size), size) is not None for at in indices):
        return True
    return size <= 2 and all(_as_products(layout(at, 1), config.gemm_max_k) is not None for at in indices)


# ---- emitting


def move(context: Context, out: ir.Value, sources: Sequence[tuple[ir.Value, Positions]]) -> None:
    """Make ``out`` of elements of ``sources``; each with the positions of those that come from it."""
    target = context.target(out)
    if not target.uniform or (len(sources) > 1 and target.dtype == INT32):
        target = context.plan.wide(out)
    context.define(out, arrange(context, sources, target).called(context.shape(out)))


def arrange(context: Context, sources: Sequence[tuple[ir.Value, Positions]], target: Format) -> Tensor:
    """Elements of ``sources`` in the shape of their positions: in the format ``target`` (of one scale), unless they are
    there in another one and need not be touched."""
    if len(sources) == 1:
        source, positions = _source(context, sources[0][0]), sources[0][1]
        addresses = _addresses(_matrix(positions), source.view.cols, source.view.stride, source.view.dtype.itemsize)
        found = _as_view(addresses, source.view.dtype.itemsize)
        if found is not None:
            start, stride = found
            (rows, cols), view = addresses.shape, source.view
            stride = stride or -(-cols * view.dtype.itemsize // ALIGNMENT) * ALIGNMENT
            return source.on(View(view.buffer, rows, cols, view.dtype, stride, view.offset + start), positions.shape)
        if source.view.dtype == INT16 and target.dtype != INT8:
            target = source.format
    copied = _copy(context, sources, target)
    return _multiply(context, sources, target) if copied is None else copied


def _source(context: Context, value: ir.Value) -> Tensor:
    real = value.dtype is not None and value.dtype.is_floating_point()
    return context.narrow(value) if real else context.uniform(value)


def matrices(context: Context, value: ir.Value, positions: Positions, form: Format) -> list[View] | None:
    """The matrices of a batch as views of ``value`` in a format, where each is one; ``positions`` [..., rows, cols]."""
    source = context.take(value, form)
    size = source.view.dtype.itemsize
    found = []
    for matrix in positions.reshape(-1, *positions.shape[-2:]):
        place = _as_view(_addresses(matrix, source.view.cols, source.view.stride, size), size)
        if place is None:
            return None
        rows, cols = matrix.shape
        stride = place[1] or -(-cols * size // ALIGNMENT) * ALIGNMENT
        found.append(View(source.view.buffer, rows, cols, source.view.dtype, stride, source.view.offset + place[0]))
    return found


def _copy(context: Context, sources: Sequence[tuple[ir.Value, Positions]], form: Format) -> Tensor | None:
    tensors = [_source(context, value) for value, _ in sources]
    plans = []
    for source, (_, positions) in zip(tensors, sources, strict=True):
        size = source.view.dtype.itemsize
        plan = _as_copies(_addresses(_matrix(positions), source.view.cols, source.view.stride, size), size)
        if plan is None or any(each.col * form.dtype.itemsize % ALIGNMENT for each in plan):
            return None
        plans.append(plan)
    if sum(map(len, plans)) > MOST_COPIES:
        return None
    tensor = context.blank(sources[0][1].shape, form, "moved")
    for source, plan in zip(tensors, plans, strict=True):
        view = source.view
        for each in plan:
            piece = View(view.buffer, each.rows, each.cols, view.dtype, each.stride, view.offset + each.start)
            place = tensor.view.part(each.row, each.rows, each.col, each.cols)
            context.scale(source.on(piece), place, form)
    return tensor


def _multiply(context: Context, sources: Sequence[tuple[ir.Value, Positions]], form: Format) -> Tensor:
    """The products' sum: of high and low parts, and of the sources."""
    assert form.dtype != INT32, "refused: int32 that cannot be copied"
    total: Tensor | None = None
    for value, positions in sources:
        source = context.take(value, form)
        if source.view.dtype == INT8:
            part = context.blank(positions.shape, form, "moved")
            _products(context, source, positions, part, 1)
        else:
            part = _wide(context, source, positions, form)
        if total is not None:
            both = context.blank(positions.shape, form, "joined")
            context.add(total, part, both.view, form)
            part = both
        total = part
    assert total is not None
    return total


def _wide(context: Context, source: Tensor, positions: Positions, form: Format) -> Tensor:
    high, low = split(context, source)
    upper, lower, joined = (context.blank(positions.shape, form, each) for each in ("upper", "lower", "moved"))
    _products(context, high, positions, upper, 256)
    _products(context, low, positions, lower, 1)
    context.add(upper, lower, joined.view, form)
    return joined


def split(context: Context, source: Tensor) -> tuple[Tensor, Tensor]:
    """int16 as two int8 tensors: ``x = 256 high + low`` exactly up to a magnitude of SPLIT_LIMIT, saturated beyond."""
    rows, cols = source.view.rows, source.view.cols
    coarse, fine = Format(INT8, source.format.scale * 256), Format(INT8, source.format.scale)
    high = Tensor(View.new(f"{context.node} high", rows, cols, INT8), source.shape, coarse, 127.0)
    low = Tensor(View.new(f"{context.node} low", rows, cols, INT8), source.shape, fine, 128.0)
    context.high_part(source.view, high.view)
    context.add(source, high, low.view, fine, b_sign=-1)
    return high, low


def _products(context: Context, source: Tensor, positions: Positions, out: Tensor, factor: int) -> None:
    view = source.view
    plan = _as_products(_addresses(_matrix(positions), view.cols, view.stride, 1), context.config.gemm_max_k)
    if plan is None:  # an unusual stride: the plain layout is one that the rule has checked
        plain = View.new(view.buffer.name, view.rows, view.cols, INT8)
        context.scale(source, plain, source.format)
        view = plain
        plan = _as_products(_addresses(_matrix(positions), view.cols, view.stride, 1), context.config.gemm_max_k)
    assert plan is not None
    for each in plan:
        x = View(view.buffer, each.rows, each.window, INT8, each.stride, view.offset + each.start)
        if each.on_left:
            target, ones = _grouped(out, each)
            context.gemm(x, View.constant(f"{context.node} places", ones), target, _exact(context, target.cols, factor))
        else:
            place = out.view.part(each.row, each.group)
            context.gemm(View.constant(f"{context.node} places", each.ones), x, place, _exact(context, place.cols, factor))


def _grouped(out: Tensor, each: _Product) -> tuple[View, npt.NDArray[np.int8]]:
    """The result with ``group`` rows in one, as they follow in memory, and P with rows of zeros for what lies between."""
    view, size = out.view, out.view.dtype.itemsize
    width = view.stride // size
    ones = np.zeros((each.group, width, each.window), np.int8)
    ones[:, : view.cols] = each.ones
    ones = ones.reshape(-1, each.window)[: (each.group - 1) * width + view.cols]
    return View(view.buffer, each.rows, len(ones), view.dtype, each.group * view.stride, view.offset), ones


def _exact(context: Context, cols: int, factor: int) -> View:
    return View.constant(f"{context.node} params", gemm_params(float(factor), np.zeros(cols, np.int64)))


def elements(shape: Sequence[int]) -> Positions:
    """The positions of a value's elements, in its shape."""
    return np.arange(math.prod(shape), dtype=np.int64).reshape(tuple(shape))
