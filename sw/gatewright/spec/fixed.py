"""Fixed-point rules: saturation, round half to even, and requantisation by integer multiplier and shift.

A requantiser maps a wide accumulator to a narrow integer:

    y = saturate(round_half_even(acc * multiplier / 2**shift))

with an unsigned 16-bit multiplier and a 6-bit shift, so that the hardware needs two DSP48 slices and a barrel shifter.
A real scale is represented with a relative error of at most 2**-16 (the multiplier is normalised to its top bit). The
scheme is the integer-only one of Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (CVPR 2018), with a narrower multiplier and IEEE 754's default rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gatewright.spec.errors import SpecError

__all__ = [
    "ACCUMULATOR_BITS",
    "AGGREGATE_ACCUMULATOR_BITS",
    "MULTIPLIER_BITS",
    "NARROW_MIN",
    "SHIFT_BITS",
    "SHIFT_MAX",
    "Requantise",
    "is_narrow",
    "narrowed",
    "requantise",
    "round_half_even_shift",
    "saturate",
]

IntArray: TypeAlias = "npt.NDArray[np.integer[Any]]"  # quoted: numpy 1.21 cannot subscript its types

ACCUMULATOR_BITS = 32
"""Width of a gemm or attention accumulator (signed)."""

AGGREGATE_ACCUMULATOR_BITS = 40
"""Width of an aggregation accumulator (signed): 2**17 full-scale edges of a 16-bit weight and an 8-bit feature."""

MULTIPLIER_BITS = 16
SHIFT_BITS = 6
SHIFT_MAX = 2**SHIFT_BITS - 1


NARROW_MIN = -127
"""The least of a narrow int8: two of these side by side fit the pre-adder of a multiplier, two of -128 do not."""


def is_narrow(values: npt.NDArray[np.int8]) -> bool:
    """Whether no element is -128."""
    return bool((values >= NARROW_MIN).all())


def narrowed(values: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """-127 in the place of -128, any shape."""
    found: npt.NDArray[np.int8] = np.maximum(values, np.int8(NARROW_MIN))
    return found


def saturate(values: IntArray, bits: int) -> npt.NDArray[np.int64]:
    """Clamp ``values`` (any shape, integer) to the range of a signed ``bits``-bit integer."""
    limit = 1 << (bits - 1)
    return np.minimum(np.maximum(np.asarray(values, np.int64), -limit), limit - 1)


def round_half_even_shift(values: IntArray, shift: IntArray | int) -> npt.NDArray[np.int64]:
    """Divide integers by ``2**shift``, ties to even.

    ``values`` is int64 of any shape with magnitude below 2**62, ``shift`` broadcasts against it, each in 0..63.
    """
    wide = np.asarray(values, np.int64)
    amount = np.asarray(shift, np.int64)
    quotient: npt.NDArray[np.int64] = wide >> amount
    remainder = wide - (quotient << amount)
    half = np.where(amount > 0, np.int64(1) << np.maximum(amount - 1, 0), np.int64(1))
    up = (remainder > half) | ((remainder == half) & ((quotient & 1) == 1))
    return np.asarray(quotient + up, np.int64)


def requantise(
    acc: IntArray, multiplier: IntArray | int, shift: IntArray | int, bits: int = 8
) -> npt.NDArray[np.int64]:
    """``saturate(round_half_even(acc * multiplier / 2**shift))`` to signed ``bits``; operands broadcast.

    ``acc`` is a signed integer of at most 40 bits, ``multiplier`` 0..65535, ``shift`` 0..63. Returns int64.
    """
    product = np.asarray(acc, np.int64) * np.asarray(multiplier, np.int64)
    return saturate(round_half_even_shift(product, shift), bits)


@dataclass(frozen=True)
class Requantise:
    """One requantiser's constants.

    Parameters
    ----------
    multiplier : 0..65535 (unsigned 16 bit).
    shift : 0..63.

    Raises :class:`SpecError` outside these ranges.
    """

    multiplier: int
    shift: int

    def __post_init__(self) -> None:
        if not 0 <= self.multiplier < 1 << MULTIPLIER_BITS:
            raise SpecError(f"multiplier {self.multiplier} is outside 0..{(1 << MULTIPLIER_BITS) - 1}")
        if not 0 <= self.shift <= SHIFT_MAX:
            raise SpecError(f"shift {self.shift} is outside 0..{SHIFT_MAX}")

    @classmethod
    def from_scale(cls, scale: float) -> Requantise:
        """The requantiser nearest to a real ``scale`` in 0..65535; relative error <= 2**-16 for scales >= 2**-48.

        Raises :class:`SpecError` when ``scale`` is negative, not finite or above 65535.
        """
        if not (math.isfinite(scale) and 0.0 <= scale <= (1 << MULTIPLIER_BITS) - 1):
            raise SpecError(f"scale {scale} is outside 0..{(1 << MULTIPLIER_BITS) - 1}")
        if scale == 0.0:
            return cls(0, 0)
        _, exponent = math.frexp(scale)  # scale = m * 2**exponent, m in [0.5, 1)
        shift = min(max(MULTIPLIER_BITS - exponent, 0), SHIFT_MAX)
        multiplier = round(scale * 2.0**shift)
        if multiplier >= 1 << MULTIPLIER_BITS:  # rounded up to the next power of two
            multiplier, shift = multiplier >> 1, shift - 1
        return cls(multiplier, shift)

    @property
    def scale(self) -> float:
        """The real factor that this requantiser applies."""
        return self.multiplier * 2.0**-self.shift

    def compute(self, acc: IntArray, bits: int = 8) -> npt.NDArray[np.int64]:
        """Apply to accumulators of any shape; returns int64 in the signed ``bits`` range."""
        return requantise(acc, self.multiplier, self.shift, bits)
