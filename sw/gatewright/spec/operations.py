"""Operations on real numbers as vector commands: their factors become multipliers, shifts and records, here alone.

A tensor's scale is the real value of one of its units. :func:`add`, :func:`layer_norm` and their like turn an operation
on real numbers, and the scales of its operands and its result, into a :class:`VectorOp`; a negative scale of an operand
subtracts it. ``bound`` is the largest magnitude of an operand's integers, by default that of 16 bits. What the integers
lose is in the docstring of :mod:`gatewright.spec.vector`; constants lose at most 2**-15 of their value more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.fixed import SHIFT_MAX
from gatewright.spec.vector import (
    EPSILON_BITS,
    EXP2_FRACTION_BITS,
    GAIN_BITS,
    NORM_FRACTION_BITS,
    NORM_INPUT_BITS,
    SOFTMAX_FRACTION_BITS,
    VALUE_BITS,
    Combine,
    ElementType,
    Function,
    table_records,
)
from gatewright.spec.vector_op import FACTOR_LIMIT, GAIN_MAX, Record, VectorOp

__all__ = ["add", "layer_norm", "lookup", "multiply", "requantise", "rms_norm", "softmax", "table"]

Real = npt.ArrayLike

FULL_SCALE = (1 << 15) - 1
"""Largest magnitude of a 16-bit operand."""

VALUE_MAX = (1 << VALUE_BITS - 1) - 1

_ONE = 1 << GAIN_BITS - 2
"""Multiplier of the operand with the larger scale in a sum: equal scales are then met exactly."""

_MOST_FACTOR = float(_ONE << 6)
"""From an operand's unit to the result's: with it the smallest integer saturates the result."""

_COARSE = 2.0**-12
"""Steps of this part of the result's range, or larger, are too coarse for what is rounded before the output stage."""


def _shift(factor: Real, bound: float, bias: Real, y_type: ElementType, room: int = VALUE_MAX) -> int:
    """By how many binary places a value of magnitudes up to ``bound`` is shifted right, or left where negative.

    As many as bring it into ``room``, but fewer where its steps would be coarse in units of the result, provided that
    all that saturates for it saturates the result as well; and few enough for its ``factor`` to the result to fit a
    record.
    """
    factors = np.abs(np.asarray(factor, np.float64))
    largest, smallest = float(factors.max(initial=0.0)), float(factors[factors > 0].min(initial=math.inf))
    limit = 1 << 8 * y_type.nbytes
    coarse, reach = _COARSE * limit, limit + float(np.abs(bias).max(initial=0.0))
    shift = max(math.ceil(math.log2(max(bound / room, 1.0))), 0)
    while shift > 0 and largest * 2.0**shift > coarse and room * smallest * 2.0 ** (shift - 1) >= reach:
        shift -= 1
    while FACTOR_LIMIT <= largest * 2.0**shift < math.inf:
        shift -= 1
    return shift


def requantise(
    x_scale: Real,
    y_scale: Real,
    y_type: ElementType = ElementType.INT8,
    *,
    bias: Real = 0.0,
    bound: float = FULL_SCALE,
) -> VectorOp:
    """``y = x + bias``; scales and bias [] or [cols]."""
    unit = np.asarray(y_scale, np.float64)
    factor = np.clip(np.asarray(x_scale) / unit, -_MOST_FACTOR, _MOST_FACTOR)
    offset = np.asarray(bias) / unit
    shift = _shift(factor, bound, offset, y_type)
    out = Record.from_scale(factor * 2.0**shift, offset)
    return VectorOp(y_type, out, a_multiplier=1 << max(-shift, 0), combine_shift=max(shift, 0))


def add(
    a_scale: float,
    b_scale: float,
    y_scale: Real,
    y_type: ElementType = ElementType.INT16,
    *,
    factor: Real = 1.0,
    bias: Real = 0.0,
    positive: bool = False,
    bounds: tuple[float, float] = (FULL_SCALE, FULL_SCALE),
) -> VectorOp:
    """``y = (a + b) * factor + bias``, with 0 for a negative sum if only ``positive`` ones are wanted.

    ``y_scale``, ``factor`` and ``bias`` are [] or [cols]. Raises :class:`SpecError` where a sum's unit is 128 or more
    of the result's.
    """
    unit = max(abs(a_scale), abs(b_scale)) / _ONE
    multipliers = round(a_scale / unit), round(b_scale / unit)
    largest = sum(bound * abs(multiplier) for bound, multiplier in zip(bounds, multipliers, strict=True))
    y_unit = np.asarray(y_scale, np.float64)
    scale, offset = np.asarray(factor) * unit / y_unit, np.asarray(bias) / y_unit
    shift = max(_shift(scale, largest, offset, y_type, FULL_SCALE if positive else VALUE_MAX), 0)
    return VectorOp(
        y_type,
        Record.from_scale(scale * 2.0**shift, offset),
        Combine.ADD,
        *multipliers,
        shift,
        Function.TABLE if positive else Function.NONE,
        table=table_records(lambda x: np.maximum(x, 0), 1.0, 1.0) if positive else None,
    )


def multiply(
    a_scale: float,
    b_scale: float,
    y_scale: Real,
    y_type: ElementType = ElementType.INT16,
    *,
    bias: Real = 0.0,
    bounds: tuple[float, float] = (FULL_SCALE, FULL_SCALE),
) -> VectorOp:
    """``y = a b + bias``, element by element.

    Raises :class:`SpecError` where the product's unit is 128 or more of the result's.
    """
    unit = np.asarray(y_scale, np.float64)
    scale, offset = a_scale * b_scale / unit, np.asarray(bias) / unit
    shift = max(_shift(scale, bounds[0] * bounds[1], offset, y_type), 0)
    out = Record.from_scale(scale * 2.0**shift, offset)
    return VectorOp(y_type, out, Combine.MULTIPLY, combine_shift=shift)


def table(
    function: Callable[[Any], Any], x_scale: float, y_scale: float, y_type: ElementType = ElementType.INT16
) -> VectorOp:
    """``y = function(x)`` of float64 arrays, for an int16 x. Raises :class:`SpecError` where it is not finite."""
    reach = np.abs(np.asarray(function(np.linspace(-(1 << 15), (1 << 15) - 1, 1 << 12) * x_scale), np.float64)).max()
    unit = float(reach) / GAIN_MAX if reach > 0 else y_scale
    return lookup(table_records(function, x_scale, unit), unit, y_scale, y_type)


def lookup(
    records: npt.NDArray[np.int16],
    unit: float,
    y_scale: Real,
    y_type: ElementType = ElementType.INT16,
    *,
    multiplier: int = 1,
    shift: int = 0,
    bias: Real = 0.0,
) -> VectorOp:
    """``y = records[x * multiplier / 2**shift] * unit + bias`` for a table int16 [512, 2] in units of ``unit``."""
    scale = np.asarray(y_scale, np.float64)
    out = Record.from_scale(unit / scale, np.asarray(bias) / scale)
    return VectorOp(y_type, out, a_multiplier=multiplier, combine_shift=shift, function=Function.TABLE, table=records)


def layer_norm(
    x_scale: float,
    cols: int,
    y_scale: Real,
    gain: Real = 1.0,
    bias: Real = 0.0,
    epsilon: float = 1e-5,
    y_type: ElementType = ElementType.INT16,
    *,
    bound: float = FULL_SCALE,
) -> VectorOp:
    """``y = (x - mean) / sqrt(variance + epsilon) * gain + bias`` by row; gain and bias [] or [cols]."""
    return _norm(Function.LAYER_NORM, x_scale, cols, y_scale, gain, bias, epsilon, y_type, bound)


def rms_norm(
    x_scale: float,
    cols: int,
    y_scale: Real,
    gain: Real = 1.0,
    epsilon: float = 1e-5,
    y_type: ElementType = ElementType.INT16,
    *,
    bias: Real = 0.0,
    bound: float = FULL_SCALE,
) -> VectorOp:
    """``y = x / sqrt(mean of squares + epsilon) * gain + bias`` by row (Zhang and Sennrich, 2019)."""
    return _norm(Function.RMS_NORM, x_scale, cols, y_scale, gain, bias, epsilon, y_type, bound)


def _norm(
    function: Function,
    x_scale: float,
    cols: int,
    y_scale: Real,
    gain: Real,
    bias: Real,
    epsilon: float,
    y_type: ElementType,
    bound: float,
) -> VectorOp:
    """A norm; an operand of few bits is brought to the 16 that the norm reads, for the sake of a small epsilon."""
    unit = np.asarray(y_scale, np.float64)
    out = Record.from_scale(np.asarray(gain, np.float64) * 2.0**-NORM_FRACTION_BITS / unit, np.asarray(bias) / unit)
    prescale = 1 << max(NORM_INPUT_BITS - 1 - math.ceil(math.log2(max(bound, 1.0))), 0)
    steps = min(round(epsilon * (cols * prescale / x_scale) ** 2), (1 << EPSILON_BITS) - 1)
    return VectorOp(y_type, out, a_multiplier=prescale, function=function, epsilon=steps)


def softmax(x_scale: float, y_scale: Real, y_type: ElementType = ElementType.INT16, *, bias: Real = 0.0) -> VectorOp:
    """``y = exp(x) / sum of exp(x) + bias`` by row."""
    factor = x_scale * math.log2(math.e) * (1 << EXP2_FRACTION_BITS)
    shift = min(max(GAIN_BITS - 1 - math.frexp(factor)[1], 0), SHIFT_MAX)
    multiplier = round(math.ldexp(factor, shift))
    if multiplier > GAIN_MAX:  # rounded up to the next power of two, or a scale of which no weight but one remains
        multiplier, shift = (multiplier >> 1, shift - 1) if shift else (GAIN_MAX, 0)
    unit = np.asarray(y_scale, np.float64)
    out = Record.from_scale(2.0**-SOFTMAX_FRACTION_BITS / unit, np.asarray(bias) / unit)
    return VectorOp(y_type, out, a_multiplier=multiplier, combine_shift=shift, function=Function.SOFTMAX)
