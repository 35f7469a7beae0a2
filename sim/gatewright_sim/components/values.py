"""Integers that find faults of arithmetic: ends of ranges, ties, powers of two and their neighbours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["signed_values", "ties"]

Int64 = npt.NDArray[np.int64]


def signed_values(rng: np.random.Generator, bits: int, size: int | tuple[int, ...]) -> Int64:
    """Signed integers of ``bits`` bits (2..63), of the shape ``size``: a third each at the ends of the range or about
    zero, about powers of two, and of any magnitude."""
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    ends = rng.choice([low, low + 1, -1, 0, 1, high - 1, high], size)
    near = rng.choice([-1, 1], size) * (1 << rng.integers(0, bits, size)) + rng.integers(-2, 3, size)
    anywhere = rng.integers(low, high, size, endpoint=True) >> rng.integers(0, bits, size)
    chosen = np.choose(rng.integers(0, 3, size), [ends, near, anywhere])
    return np.asarray(np.clip(chosen, low, high), np.int64)


def ties(rng: np.random.Generator, bits: int, shift: npt.ArrayLike) -> Int64:
    """For each ``shift`` a signed integer of ``bits`` bits (2..63) that is a tie: half-way between two multiples of
    ``2**shift``; now and then a neighbour of one."""
    amount = np.minimum(np.asarray(shift, np.int64), bits - 1)
    odd = 2 * rng.integers(-50, 50, amount.shape) + 1
    near = odd * (1 << np.maximum(amount - 1, 0)) + rng.choice([0, 0, 0, -1, 1], amount.shape)
    return np.asarray(np.clip(near, -(1 << bits - 1), (1 << bits - 1) - 1), np.int64)
