"""Random operands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewright.spec.fixed import MULTIPLIER_BITS, SHIFT_MAX, Requantise

__all__ = ["draw_int8", "draw_requantise"]


def draw_int8(rng: np.random.Generator, *shape: int, extreme: bool = False) -> npt.NDArray[np.int8]:
    """All of int8, or its lowest and its highest value only."""
    if extreme:
        return rng.choice(np.array([-128, 127], np.int8), shape)
    return rng.integers(-128, 128, shape, np.int8)


def draw_requantise(rng: np.random.Generator) -> Requantise:
    """Any requantiser."""
    return Requantise(int(rng.integers(1 << MULTIPLIER_BITS)), int(rng.integers(SHIFT_MAX + 1)))
