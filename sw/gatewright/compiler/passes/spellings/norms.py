"""onnxruntime's layer norms that add first, and its embeddings of BERT."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import sizes
from gatewright.compiler.passes.spellings.respell import Speller, given, optional

__all__ = ["embed", "rms_norm", "skip_norm"]


def skip_norm(*, simplified: bool) -> Callable[[ir.Node], Sequence[ir.Value | None] | None]:
    """``SkipLayerNormalization``: norm(input + skip + bias), and that sum as the fourth output. ``simplified`` by the
    root mean square, without beta."""

    def spell_out(node: ir.Node) -> Sequence[ir.Value | None] | None:
        x, skip, gamma = node.inputs[:3]
        if x is None or skip is None or gamma is None or x.dtype != ir.DataType.FLOAT:
            return None
        spell = Speller(node)
        bias = optional(node, 3 if simplified else 4)
        total = spell("Add", x, skip, shape=x.shape)
        if bias is not None:
            total = spell("Add", total, bias, shape=x.shape)
        y = _norm(spell, node, total, gamma, None if simplified else optional(node, 3), simplified=simplified)
        return None if y is None else [y, None, None, total]

    return spell_out


def rms_norm(node: ir.Node) -> Sequence[ir.Value | None] | None:
    """``SimplifiedLayerNormalization``: by the root mean square of the last axis."""
    x, gamma = node.inputs[:2]
    if x is None or x.shape is None or gamma is None or x.dtype != ir.DataType.FLOAT:
        return None
    if node.attributes.get_int("axis", -1) not in (-1, len(x.shape) - 1):
        return None
    return [_norm(Speller(node), node, x, gamma, None, simplified=True), None]


def _norm(
    spell: Speller, node: ir.Node, x: ir.Value, gamma: ir.Value, beta: ir.Value | None, *, simplified: bool
) -> ir.Value | None:
    width = x.shape[-1] if x.shape is not None and len(x.shape) else None
    epsilon = node.attributes.get_float("epsilon", _EPSILON.get(node.op_type, 1e-12)) or 0.0
    if not isinstance(width, int):
        return None
    if simplified:
        return spell("RmsNorm", x, gamma, epsilon=epsilon, ours=True, shape=x.shape)
    bias = beta if beta is not None else np.zeros(width, np.float32)
    return spell("LayerNorm", x, gamma, bias, epsilon=epsilon, ours=True, shape=x.shape)


_EPSILON = {"SimplifiedLayerNormalization": 1e-5}
"""Where it is not 1e-12 by default."""


def embed(node: ir.Node) -> Sequence[ir.Value | None] | None:
    """``EmbedLayerNormalization``: norm(words + positions + segments); the lengths of a mask; and the sum.

    Positions count from 0 where none are given; lengths count the ones of each row.
    """
    ids, segments, words, places, kinds, gamma, beta = node.inputs[:7]
    shape = sizes(ids) if ids is not None else None
    if ids is None or shape is None or len(shape) != 2 or words is None or words.shape is None:
        return None
    if (segments is None) != (kinds is None) or gamma is None or words.dtype != ir.DataType.FLOAT:
        return None
    spell = Speller(node)
    wide = ir.Shape([*shape, words.shape[1]])
    positions = optional(node, 8) if given(node, 8) else np.arange(shape[1], dtype=np.int64)[None]
    total = spell("Add", spell("Gather", words, ids), spell("Gather", places, positions), shape=wide)
    if kinds is not None:
        total = spell("Add", total, spell("Gather", kinds, segments), shape=wide)
    y = _norm(spell, node, total, gamma, beta, simplified=False)
    mask, lengths = optional(node, 7), None
    if mask is not None and node.attributes.get_int("mask_index_type", 1) != 0:
        ones, axes = spell("Cast", mask, to=int(ir.DataType.INT32), dtype=ir.DataType.INT32), np.array([1], np.int64)
        lengths = spell("ReduceSum", ones, axes, keepdims=0, dtype=ir.DataType.INT32)
    return None if y is None else [y, lengths, total]
