"""Arithmetic of the VECTOR command: element-wise operations, layer norm, RMS norm, softmax and any scalar function.

A command passes [rows, cols] elements through three stages, row by row:

    combine   v = saturate24(round_half_even(t / 2**combine_shift)), where
              t = a * a_multiplier                            ALONE
              t = a * a_multiplier + b * b_multiplier         ADD
              t = a * saturate16(b)                           MULTIPLY
    function  z = v                                           NONE
              z = T(saturate16(v))                            TABLE, see :func:`table_records` and :func:`apply_table`
              z = (x - mean) / sqrt(variance + eps)           LAYER_NORM of x = saturate16(v), see :func:`normalise`
              z = x / sqrt(mean of squares + eps)             RMS_NORM
              z = 2**v / sum of 2**v                          SOFTMAX, see :func:`softmax`
    out       y = saturate(round_half_even(z * gain / 2**shift + bias / 2**8))

All of v and z are signed integers of at most 24 bits. Operands are int8, int16, int32 or uint8; ``gain`` is int16,
``bias`` int32 with 8 fraction bits, ``shift`` 8..63, one record for a command or one per column. Multipliers are int16.

Error of the functions against real arithmetic on the same integers x (v, for SOFTMAX), in units of z:
LAYER_NORM and RMS_NORM 0.5 + 2**-15 |z| (NORM_FRACTION_BITS fraction bits); SOFTMAX 1.5 + z (2**-13 + cols / 2**16)
(SOFTMAX_FRACTION_BITS fraction bits; the last term is the rounding of the sum, met only if nearly all its weights are
about 2**-16 of the largest); TABLE half a unit where an entry is met, between entries h apart one unit plus h**2 / 8
times the largest second derivative.

The integer-only layer norm and softmax follow I-BERT (Kim et al., ICML 2021) in shape; the square root and the division
are table look-ups with linear interpolation instead of iterations.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.curves import (
    CURVE_FRACTION_BITS,
    RECIPROCAL_CURVE,
    ROOT_CURVE,
    Int64,
    IntArray,
    bit_length,
    curve,
    mantissa,
)
from gatewright.spec.errors import SpecError
from gatewright.spec.fixed import round_half_even_shift, saturate

__all__ = [
    "BIAS_FRACTION_BITS",
    "EPSILON_BITS",
    "EXP2_FRACTION_BITS",
    "EXP2_ONE",
    "EXP2_TABLE",
    "GAIN_BITS",
    "MAX_COLUMNS",
    "MIN_SHIFT",
    "NORM_FRACTION_BITS",
    "NORM_INPUT_BITS",
    "RECORD_BYTES",
    "SOFTMAX_FRACTION_BITS",
    "SOFTMAX_STEPS",
    "TABLE_BYTES",
    "TABLE_ENTRIES",
    "TABLE_STEP_BITS",
    "VALUE_BITS",
    "Combine",
    "ElementType",
    "Function",
    "apply_table",
    "combine",
    "norm_scale",
    "normalise",
    "out",
    "softmax",
    "softmax_scale",
    "softmax_weight",
    "table_records",
]

MAX_COLUMNS = 4096
"""The widest row that the accumulators of a row hold."""

VALUE_BITS = 24
"""Width of v and z (signed)."""

GAIN_BITS = 16
BIAS_FRACTION_BITS = 8
MIN_SHIFT = BIAS_FRACTION_BITS
RECORD_BYTES = 8


class ElementType(IntEnum):
    """How elements lie in memory, little-endian."""

    INT8 = 0
    INT16 = 1
    INT32 = 2
    UINT8 = 3

    @property
    def dtype(self) -> np.dtype[Any]:
        """As numpy calls it."""
        return _DTYPES[self]

    @property
    def nbytes(self) -> int:
        """Bytes of an element."""
        return int(self.dtype.itemsize)

    @classmethod
    def of(cls, dtype: npt.DTypeLike) -> ElementType:
        """The type that numpy calls ``dtype``. Raises :class:`SpecError` where there is none."""
        for kind in cls:
            if kind.dtype == np.dtype(dtype):
                return kind
        raise SpecError(f"element type {np.dtype(dtype)}, allowed: {', '.join(str(kind.dtype) for kind in cls)}")


_DTYPES: tuple[np.dtype[Any], ...] = tuple(np.dtype(kind) for kind in ("<i1", "<i2", "<i4", "u1"))


class Combine(IntEnum):
    """How A and B become one operand."""

    ALONE = 0
    ADD = 1
    MULTIPLY = 2


class Function(IntEnum):
    """What happens to the operand, by element or by row."""

    NONE = 0
    TABLE = 1
    LAYER_NORM = 2
    RMS_NORM = 3
    SOFTMAX = 4


def combine(kind: Combine, a: IntArray, b: IntArray | None, a_multiplier: int, b_multiplier: int, shift: int) -> Int64:
    """The first stage: int64 in the signed 24-bit range, of the shape of ``a``; ``b`` broadcasts against it."""
    wide = np.asarray(a, np.int64)
    total = wide * saturate(b, 16) if kind is Combine.MULTIPLY and b is not None else wide * a_multiplier
    if kind is Combine.ADD and b is not None:
        total = total + np.asarray(b, np.int64) * b_multiplier
    return saturate(round_half_even_shift(total, shift), VALUE_BITS)


def out(z: IntArray, gain: IntArray | int, shift: IntArray | int, bias: IntArray | int, kind: ElementType) -> Int64:
    """The last stage: int64 in the range of ``kind``.

    ``gain`` int16, ``shift`` 8..63 and ``bias`` int32 (8 fraction bits) broadcast against ``z``; a shift below 8 counts
    as 8. Rounding happens once, at the end.
    """
    product = np.asarray(z, np.int64) * np.asarray(gain, np.int64)
    dropped = np.maximum(np.asarray(shift, np.int64), MIN_SHIFT) - BIAS_FRACTION_BITS
    floor = product >> dropped
    sticky = product != floor << dropped
    # Bits below the bias's last one only decide ties: one of them, OR-ed in, stands for all.
    total = (floor + np.asarray(bias, np.int64) << 1) | sticky
    limits = np.iinfo(kind.dtype)
    return np.clip(round_half_even_shift(total, BIAS_FRACTION_BITS + 1), limits.min, limits.max)


# ---- layer norm and RMS norm

NORM_INPUT_BITS = 16
NORM_FRACTION_BITS = 14
EPSILON_BITS = 48


def normalise(v: IntArray, epsilon: int, centre: bool) -> Int64:
    """LAYER_NORM (``centre``) or RMS_NORM over the last axis: int64, z with 14 fraction bits.

    With x = saturate16(v), n elements in a row, S = sum x (0 for RMS_NORM) and Q = sum x**2:

        V = n Q - S**2 + epsilon          n**2 times the variance (or mean square), plus epsilon
        V = m 4**e, m in 1/4 .. 1         e = half the bit length of V, rounded up
        r = curve(ROOT_CURVE, m)          1 / sqrt(m), 18 bits with 16 fraction bits
        z = round_half_even((n x - S) r / 2**(2 + e))

    ``epsilon`` is that of the norm in squared units of x times n**2, 0 .. 2**48 - 1. A row with V = 0 gives zeros.
    """
    x = saturate(v, NORM_INPUT_BITS)
    n = x.shape[-1]
    total = x.sum(-1, keepdims=True) if centre else np.zeros((*x.shape[:-1], 1), np.int64)
    root, shift = norm_scale(n, total, np.square(x).sum(-1, keepdims=True), epsilon)
    return round_half_even_shift((n * x - total) * root, shift)


def norm_scale(n: int, total: Int64, squares: Int64, epsilon: int) -> tuple[Int64, Int64]:
    """r and the shift 2 + e of :func:`normalise` for rows of ``n`` elements with sums S and Q; r = 0 where V = 0."""
    power = n * squares - np.square(total) + epsilon
    half = (bit_length(power) + 1) // 2
    root = np.where(power > 0, curve(ROOT_CURVE, mantissa(power, 2 * half)), 0)
    return root, half + CURVE_FRACTION_BITS - NORM_FRACTION_BITS


# ---- softmax

EXP2_FRACTION_BITS = 10
EXP2_ONE = 1 << 15
EXP2_TABLE: npt.NDArray[np.uint16] = np.rint(
    EXP2_ONE * 2.0 ** (-np.arange(1 << EXP2_FRACTION_BITS) / 2.0**EXP2_FRACTION_BITS)
).astype(np.uint16)
"""uint16[1024]: ``round(2**15 * 2**(-f / 1024))``."""

SOFTMAX_FRACTION_BITS = 16

SOFTMAX_STEPS = 17
"""Halvings after which a weight is 0: the largest i that counts."""


def softmax(v: IntArray) -> Int64:
    """SOFTMAX over the last axis of v (log2 units, 10 fraction bits): int64, z with 16 fraction bits.

    t = max(v) - v;  i = t >> 10, f = t & 1023
    e = (EXP2_TABLE[f] + 2**i / 2) >> i       0 from i = 17 on; 2**15 stands for 1
    E = sum e = m 2**L, m in 1/2 .. 1         L = bit length of E, at least 16
    z = round_half_even(e r / 2**L), r = curve(RECIPROCAL_CURVE, m)
    """
    wide = np.asarray(v, np.int64)
    weight = softmax_weight(wide.max(-1, keepdims=True) - wide)
    reciprocal, length = softmax_scale(weight.sum(-1, keepdims=True))
    return round_half_even_shift(weight * reciprocal, length)


def softmax_weight(distance: Int64) -> Int64:
    """e of :func:`softmax` for the distance t of an element from its row's largest one."""
    steps = np.minimum(distance >> EXP2_FRACTION_BITS, SOFTMAX_STEPS)
    fraction = EXP2_TABLE[distance & ((1 << EXP2_FRACTION_BITS) - 1)].astype(np.int64)
    return np.asarray(fraction + ((1 << steps) >> 1) >> steps, np.int64)


def softmax_scale(total: Int64) -> tuple[Int64, Int64]:
    """r and the shift L of :func:`softmax` for rows with sum E."""
    length = bit_length(total)
    return curve(RECIPROCAL_CURVE, mantissa(total, length)), length


# ---- tables

TABLE_ENTRIES = 512
TABLE_STEP_BITS = 7
TABLE_BYTES = 4 * TABLE_ENTRIES


def table_records(function: Callable[[Any], Any], in_scale: float, out_scale: float) -> npt.NDArray[np.int16]:
    """Records of the function TABLE: int16 [512, 2], {value, next}, for x in units of ``in_scale``.

    ``function`` maps float64 arrays; record i holds ``function`` at x = -32768 + 128 i and at 128 further, in units of
    ``out_scale``, rounded and saturated. Raises :class:`SpecError` where it is not finite.
    """
    x = (np.arange(TABLE_ENTRIES + 1) - TABLE_ENTRIES // 2) * float(1 << TABLE_STEP_BITS) * in_scale
    values = np.asarray(function(x), np.float64) / out_scale
    if not np.isfinite(values).all():
        raise SpecError(f"the function is not finite at {x[~np.isfinite(values)][0]:g}, allowed: finite values")
    points = np.clip(np.rint(values), -(1 << 15), (1 << 15) - 1).astype(np.int16)
    return np.stack([points[:-1], points[1:]], axis=-1)


def apply_table(records: npt.NDArray[np.int16], v: IntArray) -> Int64:
    """``value + ((next - value) * f + 64 >> 7)`` with x = saturate16(v), record (x >> 7) + 256 and f = x & 127."""
    x = saturate(v, 16)
    found: Int64 = records[(x >> TABLE_STEP_BITS) + TABLE_ENTRIES // 2].astype(np.int64)
    fraction = x & ((1 << TABLE_STEP_BITS) - 1)
    rise = found[..., 1] - found[..., 0]
    return np.asarray(found[..., 0] + (rise * fraction + (1 << TABLE_STEP_BITS - 1) >> TABLE_STEP_BITS), np.int64)
