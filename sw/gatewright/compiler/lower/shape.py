"""Operators that only move elements: run on the positions of the elements; :mod:`.move` does the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from gatewright.compiler.fabric.matrices import dims
from gatewright.compiler.fabric.positions import ABSENT, Positions, elements, movable
from gatewright.compiler.formats import INT8, Format, Tensor
from gatewright.compiler.graph_access import operand, operands, shape_of, static_shape, type_of
from gatewright.compiler.lower.move import move
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.masks import is_mask
from gatewright.compiler.quantisation.plan import Plan
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import ALIGNMENT

__all__ = ["transposed"]


def _array(node: ir.Node, index: int) -> Any:
    """A constant input, or None."""
    value = node.inputs[index] if index < len(node.inputs) else None
    return None if value is None or value.const_value is None else value.const_value.numpy()


def _reshape(node: ir.Node, data: Positions) -> list[Positions]:
    return [data.reshape(static_shape(node.outputs[0]))]


def transposed(node: ir.Node, data: Positions) -> list[Positions]:
    """A Transpose of positions."""
    return [data.transpose(node.attributes.get_ints("perm", tuple(range(data.ndim))[::-1]))]


def _slice(node: ir.Node, data: Positions) -> list[Positions]:
    starts, ends = (_array(node, index).reshape(-1).tolist() for index in (1, 2))
    axes, steps = _array(node, 3), _array(node, 4)
    chosen = [slice(None)] * data.ndim
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = at if axes is None else int(axes.reshape(-1)[at])
        step = 1 if steps is None else int(steps.reshape(-1)[at])
        if step < 0:
            size = data.shape[axis]
            start, end = (max(each + size, -1) if each < 0 else min(each, size - 1) for each in (start, end))
            end = None if end < 0 else end
        chosen[axis] = slice(start, end, step)
    return [data[tuple(chosen)]]


def _split(node: ir.Node, data: Positions) -> list[Positions]:
    axis = node.attributes.get_int("axis", 0)
    ends = np.cumsum([static_shape(each)[axis] for each in node.outputs])[:-1]
    return list(np.split(data, ends, axis))


def _expand(node: ir.Node, data: Positions) -> list[Positions]:
    return [np.broadcast_to(data, static_shape(node.outputs[0]))]


def _tile(node: ir.Node, data: Positions) -> list[Positions]:
    return [np.tile(data, _array(node, 1).reshape(-1))]


OPERATORS: dict[str, tuple[Callable[[ir.Node, Positions], list[Positions]], tuple[int, ...]]] = {
    "Reshape": (_reshape, (1,)),
    "Flatten": (_reshape, ()),
    "Squeeze": (_reshape, (1,)),
    "Unsqueeze": (_reshape, (1,)),
    "Identity": (_reshape, ()),
    "Dropout": (_reshape, (1, 2)),
    "Transpose": (transposed, ()),
    "Slice": (_slice, (1, 2, 3, 4)),
    "Split": (_split, (1,)),
    "Expand": (_expand, (1,)),
    "Tile": (_tile, (1,)),
}
"""What an operator does to its first operand, and which of its inputs must be constant."""


def _refuse(node: ir.Node, config: AcceleratorConfig) -> str | None:
    x, outs = operand(node, 0), node.outputs
    if is_mask(outs[0]):
        return None
    if x.dtype is None or not (x.dtype.is_floating_point() or x.dtype in STORED):
        return f"{x.name} is {x.dtype}, allowed: real numbers and int8, uint8, int32"
    if len(outs) > 1 and node.op_type == "Dropout" and (outs[1].uses() or outs[1].is_graph_output()):
        return "its mask is used"
    if node.op_type == "Dropout" and len(node.inputs) > 2 and _array(node, 2):
        return "it is in training mode"
    if not (shape_of(x).is_static() and all(out.shape is not None and out.shape.is_static() for out in _made(node))):
        same = len(outs) == 1 and outs[0].shape is not None and _rows(x) == _rows(outs[0])
        return (
            None
            if same and node.op_type in ("Reshape", "Squeeze", "Unsqueeze", "Identity", "Flatten")
            else (f"{x.name} has a dynamic size")
        )
    size = 4 if x.dtype == ir.DataType.INT32 else 1 if x.dtype in STORED else 2
    for positions in OPERATORS[node.op_type][0](node, elements(static_shape(x))):
        if not movable([positions], [static_shape(x)], size, config):
            return f"it moves {positions.size:,} elements in pieces that do not start at multiples of 8 bytes, or none"
    return None


STORED = (ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT32)
"""Integer types that lie on the device as they are."""


def _made(node: ir.Node) -> Sequence[ir.Value]:
    """The outputs that hold moved elements."""
    return node.outputs[:1] if node.op_type == "Dropout" else node.outputs


def _rows(value: ir.Value) -> tuple[int | str, int | str] | None:
    """Name of the dynamic rows and number of columns; None where it has several of each."""
    shape = dims(shape_of(value))
    return (shape[0], shape[-1]) if len(shape) > 1 and math.prod(map(_int, shape[1:-1])) == 1 else None


def _int(size: int | str) -> int:
    return size if isinstance(size, int) else 0


def _demand(node: ir.Node, plan: Plan) -> dict[int, Format]:
    """int8 is asked of the operand where all readers want it: with one scale, or with those of its columns."""
    wanted = [form for out in _made(node) for form in plan.formats(out)]
    if wanted and all(form.same(wanted[0]) for form in wanted) and wanted[0].uniform and wanted[0].dtype == INT8:
        return {0: wanted[0]}
    joined = _of_columns(node, plan)
    return {} if joined is None else {0: joined}


KEEPS_COLUMNS = ("Slice", "Split", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")
"""Operators whose outputs may be columns of their operand."""


def _column_slices(node: ir.Node) -> list[slice] | None:
    """Which columns of the operand each output is, from multiples of 8 bytes on; None where one is something else."""
    x = operand(node, 0)
    if node.op_type not in KEEPS_COLUMNS or not shape_of(x).is_static():
        return None
    shape, found = static_shape(x), []
    for positions in OPERATORS[node.op_type][0](node, elements(shape)):
        if not (shape and positions.ndim and positions.size):
            return None
        matrix = positions.reshape(-1, positions.shape[-1])
        start, width = int(matrix[0, 0]), matrix.shape[1]
        rows = np.arange(math.prod(shape[:-1])) * shape[-1] + start
        if start % ALIGNMENT or not np.array_equal(matrix, rows[:, None] + np.arange(width)):
            return None
        found.append(slice(start, start + width))
    return found


def _of_columns(node: ir.Node, plan: Plan) -> Format | None:
    """int8 with the steps that readers of slices of columns want; NaN for columns that are not among them."""
    slices = _column_slices(node)
    if slices is None:
        return None
    scale = np.full(static_shape(operand(node, 0))[-1], np.nan)
    offset = np.zeros_like(scale)
    for out, part in zip(node.outputs, slices, strict=True):
        wanted = plan.formats(out)
        if len(wanted) != 1 or wanted[0].dtype != INT8:
            return None
        scale[part], offset[part] = wanted[0].scale, wanted[0].offset
    return Format(INT8, scale, offset)


def _as_columns(node: ir.Node, step: LoweredStep) -> bool:
    """Define the outputs as columns of the operand, if that has the steps that their readers want."""
    x, joined, slices = node.inputs[0], _of_columns(node, step.plan), _column_slices(node)
    if x is None or joined is None or slices is None:
        return False
    source = step.stored(x)
    form = source.format
    steps, offsets = (np.broadcast_to(each, joined.scale.shape) for each in (form.scale, form.offset))
    known = ~np.isnan(joined.scale)
    same = np.array_equal(steps[known], joined.scale[known]) and np.array_equal(offsets[known], joined.offset[known])
    if form.dtype != INT8 or not same:
        return False
    for out, part in zip(node.outputs, slices, strict=True):
        view = source.view.part(0, source.view.rows, part.start, part.stop - part.start)
        step.define(out, Tensor(view, step.shape(out), step.plan.formats(out)[0], source.bound))
    return True


def _lower(node: ir.Node, step: LoweredStep) -> None:
    x = operand(node, 0)
    if is_mask(node.outputs[0]):
        return
    if not shape_of(x).is_static():
        source = step.stored(x)
        step.define(node.outputs[0], source.on(source.view, step.shape(node.outputs[0])))
        return
    if _as_columns(node, step):
        return
    moved = OPERATORS[node.op_type][0](node, elements(static_shape(x)))
    for out, positions in zip(_made(node), moved, strict=True):
        move(step, out, [(x, positions)])


for _operator, (_, _constants) in OPERATORS.items():
    rule(_operator, refuse=_refuse, demand=_demand, constants=_constants)(_lower)


# ---- several operands


def _places(node: ir.Node) -> list[Positions]:
    """For each operand of a Concat the positions of what comes from it, in the shape of the result."""
    shape = static_shape(node.outputs[0])
    axis = node.attributes.get_int("axis") % len(shape)
    found, start = [], 0
    for value in operands(node, len(node.inputs)):
        size = static_shape(value)[axis]
        places = np.full(shape, ABSENT, np.int64)
        chosen = (slice(None),) * axis + (slice(start, start + size),)
        places[chosen] = elements(static_shape(value))
        found.append(places)
        start += size
    return found


def _refuse_concat(node: ir.Node, config: AcceleratorConfig) -> str | None:
    joined = operands(node, len(node.inputs))
    for value in (*joined, *node.outputs):
        if value.dtype is None or not value.dtype.is_floating_point():
            return f"{value.name} is {value.dtype}, allowed: real numbers"
        if not shape_of(value).is_static():
            return f"{value.name} has a dynamic size"
    if not movable(_places(node), [static_shape(value) for value in joined], 2, config):
        return (
            "its operands do not start at multiples of 8 bytes in the result, and are too large to be moved by products"
        )
    return None


def _demand_concat(node: ir.Node, plan: Plan) -> dict[int, Format]:
    wanted = _demand(node, plan)
    return dict.fromkeys(range(len(node.inputs)), wanted[0]) if wanted else {}


@rule("Concat", refuse=_refuse_concat, demand=_demand_concat)
def concat(node: ir.Node, step: LoweredStep) -> None:
    """All operands in one format."""
    sources = [(value, places) for value, places in zip(node.inputs, _places(node), strict=True) if value is not None]
    move(step, node.outputs[0], sources)


# ---- types


def _refuse_cast(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    x, out = operand(node, 0), node.outputs[0]
    if is_mask(out):
        return None
    if not type_of(out).is_floating_point() or not (type_of(x).is_floating_point() or x.dtype in WHOLE):
        return f"it casts {x.dtype} to {out.dtype}, allowed: real numbers, truth values and integers to real numbers"
    return None


WHOLE = {ir.DataType.BOOL, *(ir.DataType[f"{sign}INT{bits}"] for sign in ("", "U") for bits in (8, 16, 32, 64))}
"""Types of integers that the host can write as real numbers."""


def _demand_cast(node: ir.Node, plan: Plan) -> dict[int, Format]:
    x = operand(node, 0)
    wanted = plan.formats(node.outputs[0])
    return (
        {0: wanted[0]} if type_of(x).is_floating_point() and len(wanted) == 1 and not is_mask(node.outputs[0]) else {}
    )


@rule("Cast", refuse=_refuse_cast, demand=_demand_cast)
def cast(node: ir.Node, step: LoweredStep) -> None:
    """The same numbers. Of a mask nothing: its readers take the bits of what is cast."""
    x, out = operand(node, 0), node.outputs[0]
    if not is_mask(out):
        step.define(out, step.real(x, out) if x.dtype in WHOLE else step.stored(x))
