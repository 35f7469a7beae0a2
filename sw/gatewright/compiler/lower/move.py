"""Moves elements: what an operator does to its operand's elements is given by their positions, and becomes

* a view, where each row of the result is a piece of memory and the rows lie at a regular distance: no command,
* copies of pieces (VECTOR), where the pieces start at multiples of 8 bytes,
* or a product with a matrix of zeros and ones (GEMM), which is exact: ``Y = X P`` where a row's elements come from a
  window of memory that moves on with the rows, or ``Y = P X^T`` where an element's column says from which row it comes,
  as in a transposition. An int16 goes as two int8 matrices, a high and a low part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.emitter import gemm_params
from gatewright.compiler.fabric.kernels import View
from gatewright.compiler.fabric.positions import (
    MOST_COPIES,
    Positions,
    Product,
    as_copies,
    as_matrix,
    as_products,
    as_view,
    locate,
)
from gatewright.compiler.formats import INT8, INT16, INT32, Format, Tensor
from gatewright.compiler.lower.step import LoweredStep
from gatewright.spec.memory import ALIGNMENT

__all__ = ["arrange", "matrices", "move", "split"]


def move(step: LoweredStep, out: ir.Value, sources: Sequence[tuple[ir.Value, Positions]]) -> None:
    """Make ``out`` of elements of ``sources``; each with the positions of those that come from it."""
    target = step.target(out)
    if not target.uniform or (len(sources) > 1 and target.dtype == INT32):
        target = step.plan.wide(out)
    step.define(out, arrange(step, sources, target).called(step.shape(out)))


def arrange(step: LoweredStep, sources: Sequence[tuple[ir.Value, Positions]], target: Format) -> Tensor:
    """Elements of ``sources`` in the shape of their positions: in the format ``target`` (of one scale), unless they are
    there in another one and need not be touched."""
    if len(sources) == 1:
        source, positions = _source(step, sources[0][0]), sources[0][1]
        addresses = locate(as_matrix(positions), source.view.cols, source.view.stride, source.view.dtype.itemsize)
        found = as_view(addresses, source.view.dtype.itemsize)
        if found is not None:
            start, stride = found
            (rows, cols), view = addresses.shape, source.view
            stride = stride or -(-cols * view.dtype.itemsize // ALIGNMENT) * ALIGNMENT
            return source.on(View(view.buffer, rows, cols, view.dtype, stride, view.offset + start), positions.shape)
        if source.view.dtype == INT16 and target.dtype != INT8:
            target = source.format
    copied = _copy(step, sources, target)
    return _multiply(step, sources, target) if copied is None else copied


def _source(step: LoweredStep, value: ir.Value) -> Tensor:
    real = value.dtype is not None and value.dtype.is_floating_point()
    return step.narrow(value) if real else step.uniform(value)


def matrices(step: LoweredStep, value: ir.Value, positions: Positions, form: Format) -> list[View] | None:
    """The matrices of a batch as views of ``value`` in a format, where each is one; ``positions`` [..., rows, cols]."""
    source = step.take(value, form)
    size = source.view.dtype.itemsize
    found = []
    for matrix in positions.reshape(-1, *positions.shape[-2:]):
        place = as_view(locate(matrix, source.view.cols, source.view.stride, size), size)
        if place is None:
            return None
        rows, cols = matrix.shape
        stride = place[1] or -(-cols * size // ALIGNMENT) * ALIGNMENT
        found.append(View(source.view.buffer, rows, cols, source.view.dtype, stride, source.view.offset + place[0]))
    return found


def _copy(step: LoweredStep, sources: Sequence[tuple[ir.Value, Positions]], form: Format) -> Tensor | None:
    tensors = [_source(step, value) for value, _ in sources]
    plans = []
    for source, (_, positions) in zip(tensors, sources, strict=True):
        size = source.view.dtype.itemsize
        plan = as_copies(locate(as_matrix(positions), source.view.cols, source.view.stride, size), size)
        if plan is None or any(each.col * form.dtype.itemsize % ALIGNMENT for each in plan):
            return None
        plans.append(plan)
    if sum(map(len, plans)) > MOST_COPIES:
        return None
    tensor = step.blank(sources[0][1].shape, form, "moved")
    for source, plan in zip(tensors, plans, strict=True):
        view = source.view
        for each in plan:
            piece = View(view.buffer, each.rows, each.cols, view.dtype, each.stride, view.offset + each.start)
            place = tensor.view.part(each.row, each.rows, each.col, each.cols)
            step.emit.scale(source.on(piece), place, form)
    return tensor


def _multiply(step: LoweredStep, sources: Sequence[tuple[ir.Value, Positions]], form: Format) -> Tensor:
    """The products' sum: of high and low parts, and of the sources."""
    assert form.dtype != INT32, "refused: int32 that cannot be copied"
    total: Tensor | None = None
    for value, positions in sources:
        source = step.take(value, form)
        if source.view.dtype == INT8:
            part = step.blank(positions.shape, form, "moved")
            _products(step, source, positions, part, 1)
        else:
            part = _wide(step, source, positions, form)
        if total is not None:
            both = step.blank(positions.shape, form, "joined")
            step.emit.add(total, part, both.view, form)
            part = both
        total = part
    assert total is not None
    return total


def _wide(step: LoweredStep, source: Tensor, positions: Positions, form: Format) -> Tensor:
    high, low = split(step, source)
    upper, lower, joined = (step.blank(positions.shape, form, each) for each in ("upper", "lower", "moved"))
    _products(step, high, positions, upper, 256)
    _products(step, low, positions, lower, 1)
    step.emit.add(upper, lower, joined.view, form)
    return joined


def split(step: LoweredStep, source: Tensor) -> tuple[Tensor, Tensor]:
    """int16 as two int8 tensors: ``x = 256 high + low`` exactly up to a magnitude of SPLIT_LIMIT, saturated beyond."""
    rows, cols = source.view.rows, source.view.cols
    coarse, fine = Format(INT8, source.format.scale * 256), Format(INT8, source.format.scale)
    high = Tensor(View.new(f"{step.emit.node} high", rows, cols, INT8), source.shape, coarse, 127.0)
    low = Tensor(View.new(f"{step.emit.node} low", rows, cols, INT8), source.shape, fine, 128.0)
    step.emit.high_part(source.view, high.view)
    step.emit.add(source, high, low.view, fine, b_sign=-1)
    return high, low


def _products(step: LoweredStep, source: Tensor, positions: Positions, out: Tensor, factor: int) -> None:
    view = source.view
    plan = as_products(locate(as_matrix(positions), view.cols, view.stride, 1), step.emit.config.gemm_max_k)
    if plan is None:  # an unusual stride: the plain layout is one that the rule has checked
        plain = View.new(view.buffer.name, view.rows, view.cols, INT8)
        step.emit.scale(source, plain, source.format)
        view = plain
        plan = as_products(locate(as_matrix(positions), view.cols, view.stride, 1), step.emit.config.gemm_max_k)
    assert plan is not None
    for each in plan:
        x = View(view.buffer, each.rows, each.window, INT8, each.stride, view.offset + each.start)
        if each.on_left:
            target, ones = _grouped(out, each)
            step.emit.gemm(
                x, View.constant(f"{step.emit.node} places", ones), target, _exact(step, target.cols, factor)
            )
        else:
            place = out.view.part(each.row, each.group)
            step.emit.gemm(
                View.constant(f"{step.emit.node} places", each.ones), x, place, _exact(step, place.cols, factor)
            )


def _grouped(out: Tensor, each: Product) -> tuple[View, npt.NDArray[np.int8]]:
    """The result with ``group`` rows in one, as they follow in memory, and P with zeros for what lies between."""
    view, size = out.view, out.view.dtype.itemsize
    width = view.stride // size
    ones = np.zeros((each.group, width, each.window), np.int8)
    ones[:, : view.cols] = each.ones
    ones = ones.reshape(-1, each.window)[: (each.group - 1) * width + view.cols]
    return View(view.buffer, each.rows, len(ones), view.dtype, each.group * view.stride, view.offset), ones


def _exact(step: LoweredStep, cols: int, factor: int) -> View:
    return View.constant(f"{step.emit.node} params", gemm_params(float(factor), np.zeros(cols, np.int64)))
