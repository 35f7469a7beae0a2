"""What a VECTOR command does, as a value; and the values that stand for operations on real numbers.

A tensor's scale is the real value of one of its units. :func:`add`, :func:`layer_norm` and their like turn an operation
on real numbers and the scales of its operands and its result into a :class:`VectorOp`; operands have at most 16 bits
there. What the integers lose is in the docstring of :mod:`gatewright.spec.vector`; constants lose at most 2**-15 of
their value more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.errors import SpecError
from gatewright.spec.fixed import SHIFT_MAX
from gatewright.spec.vector import (
    BIAS_FRACTION_BITS,
    EPSILON_BITS,
    EXP2_FRACTION_BITS,
    GAIN_BITS,
    MIN_SHIFT,
    NORM_FRACTION_BITS,
    SOFTMAX_FRACTION_BITS,
    Combine,
    ElementType,
    Function,
    table_records,
)

__all__ = [
    "Record",
    "VectorOp",
    "add",
    "layer_norm",
    "multiply",
    "requantise",
    "rms_norm",
    "softmax",
    "table",
]

IntArray = npt.NDArray[np.integer[Any]]
Real = npt.ArrayLike

_GAIN_MAX = (1 << GAIN_BITS - 1) - 1
_BIAS_MAX = (1 << 31) - 1
_ONE = 1 << GAIN_BITS - 2
"""Multiplier of the operand with the larger scale in a sum: equal scales are then met exactly."""
_PAIR_SHIFT = 7
"""Brings a sum or a product of two 16-bit operands, of 30 bits and a sign, to the 24 bits of a value."""


@dataclass(frozen=True)
class Record:
    """The output stage ``y = saturate(round_half_even(z * gain / 2**shift + bias / 2**8))``.

    Parameters
    ----------
    gain : -32768..32767. shift : 8..63. bias : int32, 8 fraction bits. Each one integer, or one per column [cols].
    """

    gain: IntArray | int = 1 << MIN_SHIFT
    shift: IntArray | int = MIN_SHIFT
    bias: IntArray | int = 0

    @classmethod
    def from_scale(cls, scale: Real, bias: Real = 0.0) -> Record:
        """The record nearest to ``y = z * scale + bias``, both [] or [cols]; relative error of a scale 2**-15 or less.

        A bias beyond 23 bits is cut to them. Raises :class:`SpecError` for a scale of magnitude 128 or more, or
        values that are not finite.
        """
        factors, biases = np.broadcast_arrays(np.asarray(scale, np.float64), np.asarray(bias, np.float64))
        if not (np.isfinite(factors).all() and np.isfinite(biases).all()):
            raise SpecError("a scale or bias of an output record is not finite")
        _, exponent = np.frexp(factors)
        shift = np.clip(GAIN_BITS - 1 - exponent, MIN_SHIFT, SHIFT_MAX)
        rounded_up = np.abs(np.rint(np.ldexp(factors, shift))) > _GAIN_MAX  # to the next power of two
        shift = np.where(rounded_up, np.maximum(shift - 1, MIN_SHIFT), shift)
        gain = np.rint(np.ldexp(factors, shift))
        if np.abs(gain).max(initial=0) > _GAIN_MAX:
            raise SpecError(f"the scale of an output record is {np.abs(factors).max():g}, allowed below 128")
        limited = np.clip(np.rint(biases * (1 << BIAS_FRACTION_BITS)), -_BIAS_MAX, _BIAS_MAX)
        return cls(gain.astype(np.int16), shift.astype(np.uint8), limited.astype(np.int32))


@dataclass(frozen=True)
class VectorOp:
    """Everything of a VECTOR command but its operands and sizes.

    Parameters
    ----------
    y_type : of the result.
    out : the output stage.
    combine : ALONE, ADD or MULTIPLY.
    a_multiplier, b_multiplier : -32768..32767; the first for ALONE and ADD, the second for ADD.
    combine_shift : 0..63.
    function : NONE, TABLE, LAYER_NORM, RMS_NORM or SOFTMAX.
    epsilon : of a norm, in squared units of its input times the square of the number of columns, 0..2**48 - 1.
    table : int16 [512, 2], for TABLE (:func:`gatewright.spec.vector.table_records`).
    """

    y_type: ElementType
    out: Record = Record()
    combine: Combine = Combine.ALONE
    a_multiplier: int = 1
    b_multiplier: int = 1
    combine_shift: int = 0
    function: Function = Function.NONE
    epsilon: int = 0
    table: npt.NDArray[np.int16] | None = None


def requantise(x_scale: float, y_scale: Real, y_type: ElementType = ElementType.INT8) -> VectorOp:
    """``y = x``; ``y_scale`` [] or [cols]."""
    return VectorOp(y_type, Record.from_scale(x_scale / np.asarray(y_scale)))


def add(a_scale: float, b_scale: float, y_scale: float, y_type: ElementType = ElementType.INT16) -> VectorOp:
    """``y = a + b``."""
    unit = max(a_scale, b_scale) / _ONE
    return VectorOp(
        y_type,
        Record.from_scale(unit * 2.0**_PAIR_SHIFT / y_scale),
        Combine.ADD,
        round(a_scale / unit),
        round(b_scale / unit),
        _PAIR_SHIFT,
    )


def multiply(a_scale: float, b_scale: float, y_scale: float, y_type: ElementType = ElementType.INT16) -> VectorOp:
    """``y = a b``, element by element."""
    out = Record.from_scale(a_scale * b_scale * 2.0**_PAIR_SHIFT / y_scale)
    return VectorOp(y_type, out, Combine.MULTIPLY, combine_shift=_PAIR_SHIFT)


def table(
    function: Callable[[Any], Any], x_scale: float, y_scale: float, y_type: ElementType = ElementType.INT16
) -> VectorOp:
    """``y = function(x)`` of float64 arrays, for an int16 x. Raises :class:`SpecError` where it is not finite."""
    reach = np.abs(np.asarray(function(np.linspace(-(1 << 15), (1 << 15) - 1, 1 << 12) * x_scale), np.float64)).max()
    unit = float(reach) / _GAIN_MAX if reach > 0 else y_scale
    records = table_records(function, x_scale, unit)
    return VectorOp(y_type, Record.from_scale(unit / y_scale), function=Function.TABLE, table=records)


def layer_norm(
    x_scale: float,
    cols: int,
    y_scale: Real,
    gain: Real = 1.0,
    bias: Real = 0.0,
    epsilon: float = 1e-5,
    y_type: ElementType = ElementType.INT16,
) -> VectorOp:
    """``y = (x - mean) / sqrt(variance + epsilon) * gain + bias`` by row; gain and bias [] or [cols]."""
    return _norm(Function.LAYER_NORM, x_scale, cols, y_scale, gain, bias, epsilon, y_type)


def rms_norm(
    x_scale: float,
    cols: int,
    y_scale: Real,
    gain: Real = 1.0,
    epsilon: float = 1e-5,
    y_type: ElementType = ElementType.INT16,
) -> VectorOp:
    """``y = x / sqrt(mean of squares + epsilon) * gain`` by row (Zhang and Sennrich, 2019)."""
    return _norm(Function.RMS_NORM, x_scale, cols, y_scale, gain, 0.0, epsilon, y_type)


def _norm(
    function: Function,
    x_scale: float,
    cols: int,
    y_scale: Real,
    gain: Real,
    bias: Real,
    epsilon: float,
    y_type: ElementType,
) -> VectorOp:
    unit = np.asarray(y_scale, np.float64)
    out = Record.from_scale(np.asarray(gain) * 2.0**-NORM_FRACTION_BITS / unit, np.asarray(bias) / unit)
    steps = min(round(epsilon * (cols / x_scale) ** 2), (1 << EPSILON_BITS) - 1)
    return VectorOp(y_type, out, function=function, epsilon=steps)


def softmax(x_scale: float, y_scale: float, y_type: ElementType = ElementType.INT16) -> VectorOp:
    """``y = exp(x) / sum of exp(x)`` by row."""
    factor = x_scale * math.log2(math.e) * (1 << EXP2_FRACTION_BITS)
    shift = min(max(GAIN_BITS - 1 - math.frexp(factor)[1], 0), SHIFT_MAX)
    multiplier = round(math.ldexp(factor, shift))
    if multiplier > _GAIN_MAX:  # rounded up to the next power of two, or a scale of which no weight but one remains
        multiplier, shift = (multiplier >> 1, shift - 1) if shift else (_GAIN_MAX, 0)
    out = Record.from_scale(2.0**-SOFTMAX_FRACTION_BITS / y_scale)
    return VectorOp(y_type, out, a_multiplier=multiplier, combine_shift=shift, function=Function.SOFTMAX)
