"""Padding and triangles as what the fabric moves and chooses."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import array, scalar, sizes
from gatewright.compiler.passes.spellings.respell import Speller, optional

__all__ = ["pad", "triangle"]

_MODES = {"edge": "edge", "reflect": "reflect", "wrap": "wrap"}
"""ONNX's words for what `numpy.pad` does, too."""


def pad(node: ir.Node) -> Sequence[ir.Value] | None:
    """``Pad`` of real numbers by constant amounts: a Concat with constants, or a Gather along each axis."""
    x, amounts, axes = node.inputs[0], array(optional(node, 1)), optional(node, 3)
    shape = sizes(x) if x is not None else None
    listed = array(axes) if axes is not None else None
    if (
        x is None
        or shape is None
        or amounts is None
        or x.dtype != ir.DataType.FLOAT
        or (axes is None) != (listed is None)
    ):
        return None
    fill = scalar(node.inputs[2]) if optional(node, 2) is not None else 0.0
    mode = node.attributes.get_string("mode", "constant") or "constant"
    if fill is None or not (mode == "constant" or mode in _MODES):
        return None
    chosen = range(len(shape)) if listed is None else [int(axis) % len(shape) for axis in listed.reshape(-1)]
    before, after = amounts.reshape(2, -1).astype(int).tolist()
    spell, now = Speller(node), list(shape)
    for axis, first, last in zip(chosen, before, after, strict=True):
        if not first and not last:
            continue
        inside = np.arange(max(-first, 0), now[axis] - max(-last, 0))
        more = (max(first, 0), max(last, 0))
        if not len(inside):
            return None
        if mode == "constant":
            x = _with_constants(spell, x, axis, inside, more, now, fill)
        else:
            x = spell("Gather", x, np.pad(inside, more, mode=_MODES[mode]), axis=axis)  # type: ignore[call-overload]
        now[axis] = len(inside) + sum(more)
    return [x if x is not node.inputs[0] else spell("Identity", x)]


def _with_constants(
    spell: Speller,
    x: ir.Value,
    axis: int,
    inside: npt.NDArray[Any],
    more: tuple[int, int],
    shape: Sequence[int],
    fill: float,
) -> ir.Value:
    if len(inside) < shape[axis]:
        x = spell("Slice", x, *(np.array([int(each)], np.int64) for each in (inside[0], inside[-1] + 1, axis)))
    blocks = [np.full([*shape[:axis], count, *shape[axis + 1 :]], fill, np.float32) for count in more]
    pieces = [each for each in (blocks[0], x, blocks[1]) if not isinstance(each, np.ndarray) or each.shape[axis]]
    return spell("Concat", *pieces, axis=axis) if len(pieces) > 1 else x


def triangle(node: ir.Node) -> Sequence[ir.Value] | None:
    """``Trilu`` of real numbers: a Where with a constant triangle, so that what is left out may be anything."""
    x, diagonal = node.inputs[0], optional(node, 1)
    shape, shift = (sizes(x), scalar(diagonal) if diagonal is not None else 0.0) if x is not None else (None, None)
    if x is None or shape is None or shift is None or x.dtype != ir.DataType.FLOAT:
        return None
    ones = np.ones(shape[-2:], bool)
    kept = np.triu(ones, int(shift)) if node.attributes.get_int("upper", 1) else np.tril(ones, int(shift))
    return [Speller(node)("Where", kept, x, np.zeros((), np.float32))]
