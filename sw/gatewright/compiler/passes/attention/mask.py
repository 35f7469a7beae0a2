"""What the mask of an attention means: which keys a query attends to, found by trying it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.passes.probe import evaluate, mask_sources, probe_masks
from gatewright.compiler.passes.rewriting import array, emit, sizes

__all__ = ["Change", "Mask", "key_mask", "understand"]

_SCORE = 0.75  # stands for every score
_EXACT = 1e-6  # most that a mask may change the score of a key that is attended to
_IGNORED = -1e3  # a score from here on down has no weight after softmax

_Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Change:
    """One step from the product of queries and keys to the input of softmax.

    ``kind``: "add" the operand, "multiply" with ``factor``, "keep" the scores where the operand is true and take
    ``other`` elsewhere, or "drop" them where it is true.
    """

    kind: str
    operand: ir.Value | _Array | None = None
    other: float = 0.0
    factor: float = 1.0


@dataclass(frozen=True)
class Mask:
    """Query i sees key j if (not ``causal`` or j <= i + keys - queries) and the flag of j in ``source`` is
    ``attended``.

    ``source``: flags [batch, keys] in any shape, None if every key is visible.
    """

    causal: bool
    source: ir.Value | None = None
    attended: bool = True


def understand(model: ir.Model, changes: Sequence[Change], shape: tuple[int, ...], heads: int) -> Mask | None:
    """The meaning of ``changes`` to scores of ``shape`` ([batch, heads, queries, keys], also with the first two as
    one).

    None if they are not a mask of keys, a causal mask or both, if heads differ, or if it depends on anything but
    constants and one set of flags.
    """
    batch, keys = int(np.prod(shape[:-2])) // heads, shape[-1]
    values = [change.operand for change in changes if isinstance(change.operand, ir.Value)]
    constant = all(array(value) is not None for value in values)
    flags = np.ones((1, batch, keys), bool) if constant else probe_masks(batch, keys)
    for source in [None] if constant else mask_sources(values, batch, keys):
        results = evaluate(model, values, source, flags)
        scores = [found for each in results if (found := _scores(changes, iter(each), shape, heads)) is not None]
        if len(scores) == len(results) and (mask := _meaning(np.stack(scores), flags, source)):
            return mask
    return None


def _scores(changes: Sequence[Change], values: Iterator[_Array], shape: tuple[int, ...], heads: int) -> _Array | None:
    """What the changes make of `_SCORE`, less what they make of it without a mask: [batch, queries, keys]."""
    scores, unmasked = np.array(_SCORE), _SCORE
    with np.errstate(all="ignore"):
        for change in changes:
            if change.kind == "multiply":
                scores, unmasked = scores * change.factor, unmasked * change.factor
                continue
            operand = next(values) if isinstance(change.operand, ir.Value) else np.asarray(change.operand)
            if change.kind == "add":
                scores = scores + operand.astype(np.float64)
            else:
                scores = np.where(operand if change.kind == "keep" else ~operand, scores, change.other)
        scores = scores - unmasked
    try:
        wide = np.broadcast_to(scores, shape)
    except ValueError:
        return None
    split = wide.reshape(-1, heads, *shape[-2:])
    return split[:, 0] if (split == split[:, :1]).all() else None


def _meaning(scores: _Array, flags: _Array, source: ir.Value | None) -> Mask | None:
    """The mask that ``scores`` [probes, batch, queries, keys] are if the flags are ``flags`` [probes, batch, keys]."""
    visible = (scores > _IGNORED).any(axis=0)
    queries, keys = visible.shape[-2:]
    causal = not visible.all()
    if causal and not (visible == np.tri(queries, keys, keys - queries, dtype=bool)).all():
        return None
    kept, ignored = np.abs(scores) <= _EXACT, scores <= _IGNORED
    for attended in (True, False) if source is not None else (True,):
        expected = visible & (flags == attended)[:, :, None, :]
        # Spellings differ in what a query without any key sees, and are not compared there.
        compared = expected.any(axis=-1, keepdims=True)
        if compared.any() and (np.where(expected, kept, ignored) | ~compared).all():
            return Mask(causal, source, attended)
    return None


def key_mask(mask: Mask, graph: ir.Graph, batch: int, keys: int) -> ir.Value | None:
    """The flags as bool [batch, keys], true for a key that is attended to."""
    value = mask.source
    if value is None:
        return None
    flat, kind, after = [batch, keys], ir.DataType.BOOL, value.producer()
    if sizes(value) != (batch, keys):
        value = emit("Reshape", [value, np.array(flat, np.int64)], after, graph, shape=flat, dtype=value.dtype)
    if value.dtype != kind:
        attributes = {"to": int(kind)}
        value = emit("Cast", [value], value.producer(), graph, attributes=attributes, shape=flat, dtype=kind)
    return value if mask.attended else emit("Not", [value], value.producer(), graph, shape=flat, dtype=kind)
