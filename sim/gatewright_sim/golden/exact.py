"""Integer arithmetic in floating point, bit for bit: what makes the golden model fast.

A float holds every integer below 2**24 (float32) or 2**53 (float64), a product or sum whose result fits is exact, and
so is a multiplication by a power of two. ``np.rint`` rounds half to even. Hence matrix products run in BLAS, and
``round_half_even(x * multiplier / 2**shift)`` is one multiplication and one rounding as long as ``x * multiplier``
stays below 2**53.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["FLOAT32_EXACT", "FLOAT64_EXACT", "exact_matmul", "factor", "rescale", "saturate"]

Array = npt.NDArray[Any]
IntArray: TypeAlias = "npt.NDArray[np.integer[Any]]"  # quoted: numpy 1.21 cannot subscript its types
Float64 = npt.NDArray[np.float64]

FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53
_FEW_ROWS = 48
_INT32_MAX = (1 << 31) - 1
_LIMITS = {
    np.dtype(kind): (int(np.iinfo(kind).min), int(np.iinfo(kind).max))
    for kind in (np.int8, np.uint8, np.int16, np.int32)
}


def exact_matmul(left: Array, right: Array, largest: int) -> npt.NDArray[np.floating[Any]]:
    """``left @ right`` (numpy broadcasting) of integers of any dtype: exact integers as float32 or float64.

    ``largest`` bounds the magnitude of one product of elements, at most 2**24. Products are summed in float32, as many
    as surely fit, and these sums in float64. Raises ValueError when the whole sum may exceed 2**53.
    """
    inner = left.shape[-1]
    if largest > FLOAT32_EXACT or largest * inner > FLOAT64_EXACT:
        raise ValueError(f"inner dimension is {inner} with products up to {largest}, allowed: sums up to 2**53")
    left, right = left.astype(np.float32, copy=False), right.astype(np.float32, copy=False)
    step = FLOAT32_EXACT // largest
    total = _product(left[..., :step], right[..., :step, :])
    for start in range(step, inner, step):
        part = _product(left[..., start : start + step], right[..., start : start + step, :])
        total = np.add(total, part, dtype=np.float64)
    return total


def _product(left: Array, right: Array) -> Array:
    """``left @ right``. BLAS is a quarter faster with the transposed product where the left side has few rows."""
    if left.ndim == right.ndim == 2 and 1 < len(left) <= _FEW_ROWS:
        return np.ascontiguousarray(np.matmul(right.T, left.T).T)
    return np.matmul(left, right)


def factor(multiplier: Array | int, shift: Array | int) -> Float64:
    """``multiplier / 2**shift``, exact for integers below 2**53 and shifts 0..63."""
    return np.asarray(np.ldexp(np.asarray(multiplier, np.float64), -np.asarray(shift, np.int32)), np.float64)


def saturate(values: Float64, dtype: npt.DTypeLike, largest: float) -> Array:
    """Integers in float64, of magnitude ``largest`` or less, saturated to an integer dtype; overwrites ``values``."""
    low, high = _LIMITS[np.dtype(dtype)]
    if largest <= _INT32_MAX:  # numpy clips these several times faster
        narrow = values.astype(np.int32)
        return narrow.clip(low, high, out=narrow).astype(dtype, copy=False)
    return values.clip(low, high, out=values).astype(dtype)


def rescale(values: Array, scale: Float64, dtype: npt.DTypeLike, largest: int, offset: IntArray | None = None) -> Array:
    """``saturate(round_half_even((values + offset) * scale))`` to an integer dtype, for a scale from :func:`factor`.

    Integers of any dtype; ``largest``, at most 2**36, bounds the magnitudes of ``values`` and ``offset`` together.
    """
    product: Float64 = np.multiply(values, scale, dtype=np.float64)
    if offset is not None:
        product += offset * scale  # multiples of the same power of two: exact
    return saturate(np.rint(product, out=product), dtype, largest * scale.max())
