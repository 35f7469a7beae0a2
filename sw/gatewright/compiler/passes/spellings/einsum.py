"""Einstein summation as products of matrices, two operands at a time.

labels in both operands and in what follows   are the batch
labels in both operands alone                 are summed: the inner dimension
labels in one operand and in what follows     are rows, or columns
labels in one operand alone                   are summed before
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import array, sizes
from gatewright.compiler.passes.spellings.respell import Speller

__all__ = ["einsum"]

_ELLIPSIS = "0123456789"
"""Labels of the axes that three dots stand for, the last one first."""


@dataclass(frozen=True)
class _Term:
    """A value, and a label for each of its axes."""

    value: ir.Value
    labels: str


def einsum(node: ir.Node) -> Sequence[ir.Value] | None:
    """Of real numbers of static sizes; without diagonals, and without a size of 1 that stands for another."""
    values = [value for value in node.inputs if value is not None]
    shapes = [shape for value in values if (shape := sizes(value)) is not None]
    if len(shapes) < len(values) or any(value.dtype != ir.DataType.FLOAT for value in values):
        return None
    parsed = _parse(node.attributes.get_string("equation", "") or "", [len(shape) for shape in shapes])
    size = _sizes(parsed[0], shapes) if parsed is not None else None
    if parsed is None or size is None:
        return None
    labels, result = parsed
    spell = Speller(node)
    total = _summed(spell, _Term(values[0], labels[0]), "".join([*labels[1:], result]))
    for index in range(1, len(values)):
        after = "".join([*labels[index + 1 :], result])
        term = _summed(spell, _Term(values[index], labels[index]), after + total.labels)
        total = _pair(spell, _summed(spell, total, after + term.labels), term, after, size)
    ordered = _transposed(spell, total, result)
    return [spell("Identity", ordered) if ordered in values else ordered]


def _parse(equation: str, ranks: Sequence[int]) -> tuple[list[str], str] | None:
    """The labels of each operand and of the result; None where one has a label twice, or an axis none."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    operands = left.split(",")
    dots = [rank - len(each.replace("...", "")) for each, rank in zip(operands, ranks, strict=False)]
    if len(operands) != len(ranks) or any(not 0 <= count <= len(_ELLIPSIS) for count in dots):
        return None
    if any(count and "..." not in each for each, count in zip(operands, dots, strict=True)):
        return None
    found = [each.replace("...", _ELLIPSIS[:count][::-1]) for each, count in zip(operands, dots, strict=True)]
    most = _ELLIPSIS[: max(dots)][::-1]
    if not arrow:
        once = [label for label, count in Counter("".join(operands).replace(".", "")).items() if count == 1]
        result = "..." + "".join(sorted(once))
    result = result.replace("...", most)
    known = set("".join(found))
    if any(len(set(each)) < len(each) for each in (*found, result)) or not set(result) <= known:
        return None
    return found, result


def _sizes(operands: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> dict[str, int] | None:
    """The size of each label, or None where it has several."""
    found: dict[str, int] = {}
    for labels, shape in zip(operands, shapes, strict=True):
        for label, size in zip(labels, shape, strict=True):
            if found.setdefault(label, size) != size:
                return None
    return found


def _summed(spell: Speller, term: _Term, kept: str) -> _Term:
    """A term without the labels that nothing else has."""
    axes = [axis for axis, label in enumerate(term.labels) if label not in kept]
    if not axes:
        return term
    value = spell("ReduceSum", term.value, np.array(axes, np.int64), keepdims=0)
    return _Term(value, "".join(label for label in term.labels if label in kept))


def _transposed(spell: Speller, term: _Term, labels: str) -> ir.Value:
    if labels == term.labels:
        return term.value
    return spell("Transpose", term.value, perm=[term.labels.index(label) for label in labels])


def _pair(spell: Speller, a: _Term, b: _Term, after: str, size: dict[str, int]) -> _Term:
    """The product of two terms: a product of matrices where something is summed, of elements where nothing is."""
    if array(a.value) is not None and array(b.value) is None:
        a, b = b, a  # a constant matrix on the right makes a linear layer
    both = [label for label in a.labels if label in b.labels]
    batch, inner = ("".join(label for label in both if (label in after) == kept) for kept in (True, False))
    rows, cols = ("".join(label for label in each.labels if label not in both) for each in (a, b))
    labels = batch + rows + cols
    if inner:
        left, right = (_transposed(spell, a, batch + rows + inner), _transposed(spell, b, batch + inner + cols))
        shared = [size[label] for label in batch]
        left = _shaped(spell, left, [*shared, _count(rows, size), _count(inner, size)])
        right = _shaped(spell, right, [*shared, _count(inner, size), _count(cols, size)])
        product = spell("MatMul", left, right)
        return _Term(_shaped(spell, product, [size[label] for label in labels], len(rows) == len(cols) == 1), labels)
    left, right = _transposed(spell, a, batch + rows), _transposed(spell, b, batch + cols)
    left = _shaped(spell, left, [*(size[label] for label in batch + rows), *[1] * len(cols)], not cols)
    right = _shaped(
        spell, right, [*(size[label] for label in batch), *[1] * len(rows), *(size[label] for label in cols)], not rows
    )
    return _Term(spell("Mul", left, right), labels)


def _count(labels: str, size: dict[str, int]) -> int:
    return math.prod(size[label] for label in labels)


def _shaped(spell: Speller, value: ir.Value, shape: Sequence[int], there: bool = False) -> ir.Value:
    """The value in a shape that it may have already."""
    return value if there or sizes(value) == tuple(shape) else spell("Reshape", value, np.array(shape, np.int64))
