"""Bit-exact model of the VECTOR command: ``Y = out(function(combine(A, B)))``, row by row.

The arithmetic is that of :mod:`gatewright.spec.vector`, here in float64, which holds every intermediate value exactly
(:mod:`gatewright_sim.golden.exact`): a combination has at most 49 bits, the numerator of a norm times its root 46.
"""

from __future__ import annotations

from functools import lru_cache
from math import ldexp
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gatewright.spec import vector as spec
from gatewright.spec.vector import BIAS_FRACTION_BITS, GAIN_BITS, MIN_SHIFT, VALUE_BITS, Combine, ElementType, Function
from gatewright.spec.vector_op import Record, VectorOp
from gatewright_sim.golden.exact import factor, saturate

__all__ = ["vector"]

IntArray: TypeAlias = "npt.NDArray[np.integer[Any]]"  # quoted: numpy 1.21 cannot subscript its types
Float64 = npt.NDArray[np.float64]

_EXACT_BIAS_SHIFT = 29
"""``z gain / 2**shift + bias / 2**8`` is below 2**24 then, and a multiple of 2**-29: 53 bits."""

_RESULT_MAX = (1 << VALUE_BITS - 1 + GAIN_BITS - 1 - MIN_SHIFT) + (1 << 31 - BIAS_FRACTION_BITS)
"""The largest result before it is saturated."""


def vector(op: VectorOp, a: IntArray, b: IntArray | None = None) -> IntArray:
    """Y, of ``op.y_type`` and the shape to which ``a`` and ``b`` [rows, cols] broadcast.

    Parameters
    ----------
    a, b : int8, int16, int32 or uint8; either may have one row, and ``b`` one column. ``b`` is None for ALONE.

    Raises ValueError when an operand or the table that the operation needs is missing, or given in vain.
    """
    if (b is None) != (op.combine is Combine.ALONE):
        raise ValueError(f"b is {'missing' if b is None else 'given'}, combine is {op.combine.name}")
    if (op.table is None) != (op.function is not Function.TABLE):
        raise ValueError(f"table is {'missing' if op.table is None else 'given'}, function is {op.function.name}")
    if (
        b is None
        and a.dtype.itemsize <= 2
        and op.function in (Function.NONE, Function.TABLE)
        and np.size(op.out.gain) == 1
    ):
        return _tabulated(*_constants(op), a.dtype.str).take(a.view(f"u{a.dtype.itemsize}"))
    return _compute(op, a, b)


def _constants(op: VectorOp) -> tuple[object, ...]:
    """What an operation with one record and one operand is made of, to be hashed."""
    record = (int(np.asarray(value).item()) for value in (op.out.gain, op.out.shift, op.out.bias))
    table = None if op.table is None else op.table.tobytes()
    return op.y_type, *record, op.a_multiplier, op.combine_shift, op.function, table


@lru_cache(maxsize=256)
def _tabulated(
    y_type: ElementType,
    gain: int,
    shift: int,
    bias: int,
    a_multiplier: int,
    combine_shift: int,
    function: Function,
    table: bytes | None,
    dtype: str,
) -> IntArray:
    """The result for every value of an operand of 8 or 16 bits, by its bits."""
    records = None if table is None else np.frombuffer(table, np.int16).reshape(-1, 2)
    op = VectorOp(
        y_type, Record(gain, shift, bias), Combine.ALONE, a_multiplier, 0, combine_shift, function, table=records
    )
    kind = np.dtype(dtype)
    values = np.arange(1 << 8 * kind.itemsize, dtype=f"u{kind.itemsize}").view(kind)
    return _compute(op, values[None])[0]


def _compute(op: VectorOp, a: IntArray, b: IntArray | None = None) -> IntArray:
    z: npt.NDArray[Any] = _combine(op, a, b)
    if op.table is not None:
        z = _curve_of(op.table.tobytes()).take(_bound16(z).astype(np.int16).view(np.uint16))
    elif op.function is Function.SOFTMAX:
        z = _softmax(z)
    elif op.function is not Function.NONE:
        z = _normalise(_bound16(z), op.epsilon, centre=op.function is Function.LAYER_NORM)
    return _out(op, z)


def _combine(op: VectorOp, a: IntArray, b: IntArray | None) -> Float64:
    if b is not None and op.combine is Combine.MULTIPLY:
        total = np.multiply(a, np.clip(b, -(1 << 15), (1 << 15) - 1), dtype=np.float64)
        total *= ldexp(1, -op.combine_shift)
        largest = _largest(a) << 15
    else:
        total = np.multiply(a, ldexp(op.a_multiplier, -op.combine_shift), dtype=np.float64)
        largest = _largest(a) * abs(op.a_multiplier)
        if b is not None:
            other: Float64 = np.multiply(b, ldexp(op.b_multiplier, -op.combine_shift), dtype=np.float64)
            total = np.add(total, other, out=total if len(total) >= len(other) else None)
            largest += _largest(b) * abs(op.b_multiplier)
    if op.combine_shift:
        np.rint(total, out=total)
    fits = largest >> op.combine_shift < (1 << VALUE_BITS - 1) - 1
    return total if fits else _bound(total, VALUE_BITS)


def _largest(operand: IntArray) -> int:
    """No value of the operand's type has a larger magnitude."""
    return 1 << 8 * operand.dtype.itemsize - (operand.dtype.kind == "i")


def _bound(values: Float64, bits: int) -> Float64:
    """Saturate to ``bits``, in place."""
    return values.clip(-(1 << bits - 1), (1 << bits - 1) - 1, out=values)


def _bound16(values: Float64) -> Float64:
    return _bound(values, spec.NORM_INPUT_BITS)


@lru_cache(maxsize=64)
def _curve_of(records: bytes) -> npt.NDArray[np.int16]:
    """int16 [65536]: a function TABLE at every x, by the bits of x."""
    table = np.frombuffer(records, np.int16).reshape(spec.TABLE_ENTRIES, 2)
    return spec.apply_table(table, np.arange(1 << 16, dtype=np.uint16).view(np.int16)).astype(np.int16)


def _normalise(x: Float64, epsilon: int, centre: bool) -> Float64:
    n = x.shape[-1]
    total = x.sum(-1, keepdims=True) if centre else np.zeros((len(x), 1))
    squares = np.einsum("ij,ij->i", x, x)[:, None]
    root, shift = spec.norm_scale(n, total.astype(np.int64), squares.astype(np.int64), epsilon)
    z = n * x
    z -= total
    z *= factor(root, shift)
    return np.rint(z, out=z)


_WEIGHTS = spec.softmax_weight(np.arange((spec.SOFTMAX_STEPS << spec.EXP2_FRACTION_BITS) + 1)).astype(np.uint16)
"""Weights of SOFTMAX by distance, 0 at the last one and beyond."""


def _softmax(v: Float64) -> Float64:
    distance = np.minimum(v.max(-1, keepdims=True) - v, len(_WEIGHTS) - 1)
    weight = _WEIGHTS.take(distance.astype(np.int32))
    reciprocal, length = spec.softmax_scale(weight.sum(-1, keepdims=True, dtype=np.int64))
    z: Float64 = np.multiply(weight, factor(reciprocal, length), dtype=np.float64)
    return np.rint(z, out=z)


def _out(op: VectorOp, z: npt.NDArray[Any]) -> IntArray:
    shift = np.maximum(op.out.shift, MIN_SHIFT)
    biased = np.any(op.out.bias)
    if biased and np.max(shift) > _EXACT_BIAS_SHIFT:
        return spec.out(z.astype(np.int64), op.out.gain, shift, op.out.bias, op.y_type).astype(op.y_type.dtype)
    y: Float64 = np.multiply(z, factor(op.out.gain, shift), out=z if z.dtype == np.float64 else None, dtype=np.float64)
    if biased:
        y += factor(op.out.bias, BIAS_FRACTION_BITS)
    return saturate(np.rint(y, out=y), op.y_type.dtype, _RESULT_MAX)
