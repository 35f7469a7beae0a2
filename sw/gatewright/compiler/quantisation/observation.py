"""What calibration keeps of one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gatewright.compiler.quantisation.headroom import HEADROOM, headroom, tail

__all__ = ["MASKED", "Observation"]

MASKED = 1e30
"""Magnitude from which on a number that is added to scores only says that something is not there, as -inf does."""


@dataclass(eq=False)
class Observation:
    """One value over all calibration inputs.

    Attributes
    ----------
    low, high : least and greatest element of each column, float64 [columns], of those below MASKED in magnitude.
    sample : some rows, float32 [rows, columns].
    peaks : largest magnitude in each input, float64 [inputs], of those below MASKED.
    extreme : the largest magnitude of all elements, infinite ones included; NaN where one is NaN.
    settled : whether ``low`` and ``high`` hold for all inputs.

    Rows that a mask hides from every output do not count.
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    sample: npt.NDArray[np.float32] = field(repr=False)
    peaks: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), repr=False)
    extreme: float = 0.0
    settled: bool = False

    @property
    def columns(self) -> npt.NDArray[np.float64]:
        """Largest magnitude of each column."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def masked(self) -> bool:
        """Whether some elements only say that something is not there."""
        return not bool((np.abs(self.sample) < MASKED).all())

    @property
    def largest(self) -> float:
        """Largest magnitude of all that are numbers."""
        return float(self.columns.max(initial=0.0))

    @cached_property
    def headroom(self) -> float:
        """How far another input may exceed :attr:`largest`."""
        return HEADROOM if self._is_settled else headroom(self.peaks, self._numbers)

    @cached_property
    def tail(self) -> float:
        """How much smaller all of another input may be for the tail of what was seen; 1 or more."""
        return 1.0 if self._is_settled else tail(self.peaks, self._numbers)

    @property
    def _is_settled(self) -> bool:
        return self.settled or not len(self.peaks)

    @property
    def _numbers(self) -> npt.NDArray[np.float32]:
        return np.where(np.abs(self.sample) < MASKED, self.sample, np.float32(0))
