"""Random operands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewright.spec.fixed import MULTIPLIER_BITS, SHIFT_MAX, Requantise

__all__ = ["draw_int8", "draw_requantise", "draw_ties"]


def draw_int8(rng: np.random.Generator, *shape: int, extreme: bool = False) -> npt.NDArray[np.int8]:
    """All of int8, or its lowest and its highest value only."""
    if extreme:
        return rng.choice(np.array([-128, 127], np.int8), shape)
    return rng.integers(-128, 128, shape, np.int8)


def draw_requantise(rng: np.random.Generator) -> Requantise:
    """Any requantiser."""
    return Requantise(int(rng.integers(1 << MULTIPLIER_BITS)), int(rng.integers(SHIFT_MAX + 1)))


def draw_ties(rng: np.random.Generator, shift: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each ``shift`` (1..24) an integer half-way between two multiples of ``2**shift``, near zero or where a result
    of 8 bits saturates; one in three is a neighbour of one."""
    quotient = rng.choice([-130, -129, -128, -127, -3, -2, -1, 0, 1, 2, 126, 127, 128], shift.shape)
    half: npt.NDArray[np.int64] = (2 * quotient + 1) << shift - 1
    return half + rng.choice([0, 0, 0, 0, -1, 1], shift.shape)
