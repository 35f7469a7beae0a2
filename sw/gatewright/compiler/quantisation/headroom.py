"""How far a value may exceed what calibration saw of it before it saturates.

The largest of many bounded or normal numbers hardly grows with more of them. Where few were seen, or where the largest
ones lie far apart, as those of quotients and of numbers over many decades, another input easily brings a multiple. The
index a of such a tail, P(X > x) ~ x**-a, is estimated from its largest members (B. M. Hill, "A simple general approach
to inference about the tail of a distribution", 1975).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["HEADROOM", "headroom"]

HEADROOM = 1.5
"""For a value of which enough was seen, and whose largest numbers lie close together."""

MOST = 64.0
"""Beyond it too few of int16's bits would be left for what is usual."""

ENOUGH = 8
"""From so many inputs on each counts as one observation; else each row does if there are so many, else each element."""

SCARCITY = 1.5
"""How fast the headroom for want of observations falls with their number."""

TAIL = 0.125
"""Share of the observations that make the tail."""

FEWEST_IN_TAIL = 4

HEAVY = 1 / 2.75
"""Inverse of the tail index from which on enough inputs are no proof that another one is like them."""

RARE = 4.0
"""Minus the logarithm of how often another input's largest magnitude may exceed the headroom of a heavy tail."""


def headroom(peaks: npt.NDArray[np.floating[Any]], rows: npt.NDArray[np.floating[Any]]) -> float:
    """The factor, 1.5 to 64, for a value whose largest magnitudes in calibration inputs are ``peaks``, and of which
    ``rows`` [n, columns] are known; zeros say nothing."""
    inputs, magnitude = _ordered(peaks), np.abs(rows.astype(np.float64))
    if not len(inputs) and not magnitude.any():
        return HEADROOM
    if len(peaks) >= ENOUGH:
        few = float(MOST ** (1 / len(inputs)))
        spread = _spread(inputs)
        return min(max(HEADROOM, few, math.exp(RARE * spread) if spread > HEAVY else 1.0), MOST)
    tops = _ordered(magnitude.max(-1, initial=0.0))
    seen = tops if len(rows) >= ENOUGH else _ordered(magnitude)
    spread = _spread(seen) if len(rows) >= ENOUGH else max(_spread(seen), _deviation(tops))
    if len(inputs) > 1:  # rows may differ from each other by more than inputs do
        spread = min(spread, _deviation(inputs))
    few = float(MOST ** (SCARCITY / max(len(seen), 1)))
    return min(max(HEADROOM * few, math.exp(RARE * spread)), MOST)


def _ordered(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """The positive ones, the largest first."""
    flat = np.asarray(values, np.float64).reshape(-1)
    return np.sort(flat[flat > 0])[::-1]


def _deviation(seen: npt.NDArray[np.float64]) -> float:
    """About the same, of a few that are each the largest of many."""
    return float(np.log(seen).std(ddof=1)) if len(seen) > 1 else 0.0


def _spread(seen: npt.NDArray[np.float64]) -> float:
    """The inverse of the tail's index; 0 where there are too few."""
    tail = max(math.ceil(TAIL * len(seen)), FEWEST_IN_TAIL)
    return float(np.log(seen[:tail] / seen[tail]).mean()) if len(seen) > tail else 0.0
