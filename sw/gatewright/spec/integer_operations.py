"""Operations on integers as vector commands: exact where their values have at most 24 bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewright.spec.operations import FULL_SCALE, VALUE_MAX, requantise
from gatewright.spec.vector import Combine, ElementType
from gatewright.spec.vector_op import FACTOR_LIMIT, GAIN_MAX, Record, VectorOp

__all__ = ["add_integers", "rescale", "upper_byte"]

Real = npt.NDArray[np.float64]


def add_integers(factor: int, bias: int, y_type: ElementType = ElementType.INT32) -> VectorOp:
    """``y = a + b * factor + bias``, for a factor of 16 bits and a bias of 23."""
    return VectorOp(y_type, Record.from_scale(1.0, bias), Combine.ADD, 1, factor)


def upper_byte(y_type: ElementType = ElementType.INT8) -> VectorOp:
    """``y = round((a + b / 2) / 256)`` with b = 1 for all: never a tie, so that what it leaves of an int16 is an int8,
    -128 .. 127."""
    return VectorOp(y_type, Record.from_scale(1 / 512), Combine.ADD, 2, 1)


def rescale(factor: Real, bias: int, y_type: ElementType = ElementType.INT8, *, bound: float = FULL_SCALE) -> VectorOp:
    """``y = round(a * factor) + bias``; the factor, [] or [cols], as exactly as two multipliers can say it.

    Any multiplier of A that leaves it in 24 bits may stand before the record's gain: that with the smallest error is
    taken, of those with which no more than a bit is lost.
    """
    if bound > VALUE_MAX:
        return requantise(factor, 1.0, y_type, bias=bias, bound=bound)
    saturated = np.iinfo(y_type.dtype).max + 1 + abs(bias)
    reach = min(bound, 2 * saturated / float(np.abs(factor).min()))  # what is larger saturates all columns
    most = int(min(max(VALUE_MAX // reach, 1), GAIN_MAX))
    multiplier = min(range(max(most // 2, 1), most + 1), key=lambda each: _inexactness(factor / each))
    return VectorOp(y_type, Record.from_scale(factor / multiplier, float(bias)), a_multiplier=multiplier)


def _inexactness(factor: Real) -> float:
    """The largest relative error of a record's factors; infinite where none holds them."""
    if np.abs(factor).max() >= FACTOR_LIMIT:
        return np.inf
    return float(np.abs(Record.from_scale(factor).factor / factor - 1).max())
