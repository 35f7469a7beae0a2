"""Arrays held against the range that is allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.program.errors import InputError

__all__ = ["extremes", "in_range", "truth"]


def extremes(array: npt.NDArray[Any]) -> tuple[Any, Any]:
    """The least and the largest element of an array that has any, as Python's numbers; NaN where one is no number.

    By their places, which numpy finds at less than half of what a reduction costs.
    """
    return array.item(array.argmin()), array.item(array.argmax())


def in_range(name: str, array: npt.NDArray[Any], low: int, high: int) -> Any:
    """The least element, 0 of none. Raises :class:`InputError` naming the input where one is not in ``low`` to
    ``high``."""
    if not array.size:
        return 0
    least, most = extremes(array)
    if least < low or most > high:
        raise InputError(f"input {name!r} spans {array.min()}..{array.max()}, allowed {low}..{high}")
    return least


def truth(name: str, array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Zeros and ones as truth values. Raises :class:`InputError` naming the input for anything else."""
    bits: npt.NDArray[np.bool_] = np.asarray(array != 0)
    if not np.array_equal(bits, array):
        raise InputError(f"input {name!r} holds {array[bits != array][0]}, allowed: 0 and 1")
    return bits
