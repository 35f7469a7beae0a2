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

__all__ = ["HEADROOM", "headroom", "tail"]

HEADROOM = 1.5
"""For a value of which enough was seen, and whose largest numbers lie close together."""

MOST = 64.0
"""Beyond it too few of int16's bits would be left for what is usual."""

ENOUGH = 8
"""From so many inputs on each counts as one observation; else each row does if there are so many, else each element."""

SCARCITY = 1.5
"""How fast the headroom for want of observations falls with their number."""

SHARE = 0.125
"""Share of the observations that make the tail."""

FEWEST_IN_TAIL = 4

HEAVY = 1 / 2.75
"""Inverse of the tail index from which on enough inputs are no proof that another one is like them."""

RARE = 4.0
"""Minus the logarithm of how often another input's largest magnitude may exceed the headroom of a heavy tail."""


def headroom(peaks: npt.NDArray[np.floating[Any]], rows: npt.NDArray[np.floating[Any]]) -> float:
    """The factor, 1.5 to 64, for a value whose largest magnitudes in calibration inputs are ``peaks``, and of which
    ``rows`` [n, columns] are known; zeros say nothing."""
    seen = _observations(peaks, rows)
    if not len(seen):
        return HEADROOM
    few = float(MOST ** (1 / len(seen)))
    least = max(HEADROOM, few) if len(peaks) >= ENOUGH else HEADROOM * few**SCARCITY
    return min(max(least, tail(peaks, rows)), MOST)


def tail(peaks: npt.NDArray[np.floating[Any]], rows: npt.NDArray[np.floating[Any]]) -> float:
    """How many times larger, or smaller, than what was seen another input may be for the tail of a value: from 1."""
    inputs = _ordered(peaks)
    if len(peaks) >= ENOUGH:
        spread = _spread(inputs)
        return math.exp(RARE * spread) if spread > HEAVY else 1.0
    spread = _spread(_observations(peaks, rows))
    tops = _peaks(rows)
    if len(tops) < ENOUGH:
        spread = max(spread, _deviation(tops))
    if len(inputs) > 1:  # rows may differ from each other by more than inputs do
        spread = min(spread, _deviation(inputs))
    return math.exp(RARE * spread)


def _observations(peaks: npt.NDArray[np.floating[Any]], rows: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Of inputs, rows or elements, the first of which there are enough."""
    if len(peaks) >= ENOUGH:
        return _ordered(peaks)
    tops = _peaks(rows)
    return tops if len(tops) >= ENOUGH else _ordered(np.abs(rows))


def _peaks(rows: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """The largest magnitude of each row that has any."""
    return _ordered(np.abs(rows).max(-1, initial=0.0))


def _ordered(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """The positive ones, the largest first."""
    flat = np.asarray(values, np.float64).reshape(-1)
    return np.sort(flat[flat > 0])[::-1]


def _deviation(seen: npt.NDArray[np.float64]) -> float:
    """About the same, of a few that are each the largest of many."""
    return float(np.log(seen).std(ddof=1)) if len(seen) > 1 else 0.0


def _spread(seen: npt.NDArray[np.float64]) -> float:
    """The inverse of the tail's index; 0 where there are too few."""
    count = max(math.ceil(SHARE * len(seen)), FEWEST_IN_TAIL)
    return float(np.log(seen[:count] / seen[count]).mean()) if len(seen) > count else 0.0
