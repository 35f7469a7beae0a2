"""Inverse square root and reciprocal of a mantissa: tables with linear interpolation, for the scale of a row.

A number becomes ``m 2**e`` by its leading bit (:func:`bit_length`, :func:`mantissa`); the curve is a function of m.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "CURVE_FRACTION_BITS",
    "INTERPOLATION_BITS",
    "MANTISSA_BITS",
    "RECIPROCAL_CURVE",
    "ROOT_CURVE",
    "Int64",
    "IntArray",
    "bit_length",
    "curve",
    "mantissa",
]

IntArray: TypeAlias = "npt.NDArray[np.integer[Any]]"  # quoted: numpy 1.21 cannot subscript its types
Int64 = npt.NDArray[np.int64]

MANTISSA_BITS = 24
"""Fraction bits of the argument."""

_CURVE_BITS = 9
INTERPOLATION_BITS = MANTISSA_BITS - _CURVE_BITS

CURVE_FRACTION_BITS = 16
"""Fraction bits of what :func:`curve` returns, 18 bits wide: values from 1 to 2."""


def _curve_table(function: Callable[[Any], Any], low: float) -> npt.NDArray[np.int32]:
    points = np.maximum(np.arange((1 << _CURVE_BITS) + 1) / (1 << _CURVE_BITS), low)
    values: npt.NDArray[np.int32] = np.rint(function(points) * 2.0**CURVE_FRACTION_BITS).astype(np.int32)
    return values


ROOT_CURVE = _curve_table(lambda m: 1 / np.sqrt(m), 0.25)
"""int32[513]: ``1 / sqrt(m)`` for m = i / 512 in 1/4 .. 1, 16 fraction bits; the entries below 1/4 are not used."""

RECIPROCAL_CURVE = _curve_table(lambda m: 1 / m, 0.5)
"""int32[513]: ``1 / m`` for m = i / 512 in 1/2 .. 1, 16 fraction bits; the entries below 1/2 are not used."""


def curve(table: npt.NDArray[np.int32], m: IntArray) -> Int64:
    """A curve at ``m / 2**24`` (integers below 2**24), linear between its entries:

        i = m >> 15, f = m & 32767, value = table[i] - ((table[i] - table[i + 1]) * f >> 15)

    Relative error at most 2**-15.
    """
    wide = np.asarray(m, np.int64)
    index = wide >> INTERPOLATION_BITS
    fraction = wide & ((1 << INTERPOLATION_BITS) - 1)
    here: Int64 = table[index].astype(np.int64)
    return np.asarray(here - ((here - table[index + 1]) * fraction >> INTERPOLATION_BITS), np.int64)


def bit_length(values: Int64) -> Int64:
    """Bit lengths of integers in 0 .. 2**62, exact."""
    high = values >> 31
    parts = np.where(high > 0, high, values).astype(np.float64)  # below 2**53, so that frexp is exact
    return np.asarray(np.frexp(parts)[1].astype(np.int64) + np.where(high > 0, 31, 0), np.int64)


def mantissa(values: Int64, length: Int64) -> Int64:
    """``values / 2**length`` with 24 fraction bits, cut."""
    up = np.maximum(MANTISSA_BITS - length, 0)
    return np.asarray(values << up >> np.maximum(length - MANTISSA_BITS, 0), np.int64)
