"""What calibration keeps of one value."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["MASKED", "Observation"]

MASKED = 1e30
"""Magnitude from which on a number only says that something is not there, as -inf does in a mask of scores."""


@dataclass(eq=False)
class Observation:
    """One value over all calibration inputs.

    Attributes
    ----------
    low, high : least and greatest element of each column, float64 [columns].
    sample : some rows, float32 [rows, columns].

    Rows that a mask hides from every output do not count.
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    sample: npt.NDArray[np.float32] = field(repr=False)

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
        """Largest magnitude of all."""
        return float(self.columns.max(initial=0.0))
