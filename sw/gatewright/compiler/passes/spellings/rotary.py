"""Rotary position embedding (Su et al., arXiv 2104.09864): pairs of columns are turned by an angle for each position.

    y = x [cos, cos] + [-x2, x1] [sin, sin]          x1, x2: the halves of the columns that are turned

Interleaved pairs (columns 0 and 1, 2 and 3, ...) are brought to halves first, and back.
"""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import sizes
from gatewright.compiler.passes.spellings.respell import Speller, optional

__all__ = ["contrib_rotary", "rotary"]


def rotary(node: ir.Node) -> Sequence[ir.Value] | None:
    """ONNX's: x [B, H, S, D] or [B, S, H D], cosines, sines, positions."""
    return _turn(node, node.inputs[0], node.inputs[1], node.inputs[2], optional(node, 3))


def contrib_rotary(node: ir.Node) -> Sequence[ir.Value] | None:
    """onnxruntime's: x, positions, cosines, sines."""
    positions = node.inputs[1]
    if positions is None or positions.shape is None or len(positions.shape) != 2:
        return None  # one offset for all, or a packed batch
    return _turn(node, node.inputs[0], node.inputs[2], node.inputs[3], positions)


def _turn(
    node: ir.Node, x: ir.Value | None, cos: ir.Value | None, sin: ir.Value | None, positions: ir.Value | None
) -> Sequence[ir.Value] | None:
    shape = sizes(x) if x is not None else None
    if x is None or cos is None or sin is None or shape is None or x.dtype != ir.DataType.FLOAT:
        return None
    if node.attributes.get_float("scale", 1.0) != 1.0 or node.attributes.get_int("is_packed_batching", 0) == 1:
        return None
    spell = Speller(node)
    joined = len(shape) == 3
    heads = node.attributes.get_int("num_heads", 0) or _heads(node, shape[-1], cos)
    if joined:
        if not heads or shape[2] % heads:
            return None
        x = spell("Reshape", x, np.array([*shape[:2], heads, shape[2] // heads], np.int64))
    columns = shape[-1] // heads if joined else shape[-1]
    turned = node.attributes.get_int("rotary_embedding_dim", 0) or columns
    interleaved = node.attributes.get_int("interleaved", 0) == 1
    angles = []
    for table in (cos, sin):
        both = spell("Concat", table, table, axis=-1)
        rows = spell("Gather", both, positions) if positions is not None else both
        angles.append(spell("Unsqueeze", rows, np.array([2 if joined else 1], np.int64)))
    moved = x if turned == columns else _columns(spell, x, 0, turned)
    if interleaved:
        moved = _swapped(spell, moved, turned // 2, 2)
    first, second = _columns(spell, moved, 0, turned // 2), _columns(spell, moved, turned // 2, turned)
    crossed = spell("Concat", spell("Neg", second), first, axis=-1)
    y = spell("Add", spell("Mul", moved, angles[0]), spell("Mul", crossed, angles[1]))
    if interleaved:
        y = _swapped(spell, y, 2, turned // 2)
    if turned < columns:
        y = spell("Concat", y, _columns(spell, x, turned, columns), axis=-1)
    return [spell("Reshape", y, np.array(shape, np.int64)) if joined else y]


def _heads(node: ir.Node, width: int, cos: ir.Value) -> int:
    """Heads of joined columns where the node does not say: as many as the angles are for."""
    half = cos.shape[-1] if cos.shape is not None and len(cos.shape) else 0
    turned_wholly = not node.attributes.get_int("rotary_embedding_dim", 0)
    return width // (2 * half) if turned_wholly and isinstance(half, int) and half else 0


def _columns(spell: Speller, x: ir.Value, start: int, end: int) -> ir.Value:
    return spell("Slice", x, *(np.array([each], np.int64) for each in (start, end, -1)))


def _swapped(spell: Speller, x: ir.Value, rows: int, cols: int) -> ir.Value:
    """Columns as a matrix of ``rows`` x ``cols``, transposed."""
    apart = spell("Reshape", x, np.array([0, 0, 0, rows, cols], np.int64))
    turned = spell("Transpose", apart, perm=[0, 1, 2, 4, 3])
    return spell("Reshape", turned, np.array([0, 0, 0, rows * cols], np.int64))
