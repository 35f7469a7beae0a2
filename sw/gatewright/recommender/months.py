"""Which row of a table by months a moment has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Months"]


@dataclass(frozen=True)
class Months:
    """``count`` rows of ``length`` seconds each, from ``begin`` (seconds since 1970) on."""

    begin: int
    length: int
    count: int

    def at(self, timestamps: np.ndarray) -> np.ndarray:
        """Rows, int64, of seconds since 1970; the nearest one for what lies before the first or after the last."""
        found: np.ndarray = np.clip((timestamps - self.begin) // self.length, 0, self.count - 1)
        return found

    def of_latest(self, timestamps: np.ndarray, ptr: np.ndarray) -> np.ndarray:
        """Rows, int64 [users], of each user's latest rating: of ``timestamps`` [ratings] in order of users and time,
        user u's are ``ptr[u]:ptr[u + 1]``. Without any rating a user asks in the last month."""
        found = np.full(len(ptr) - 1, self.count - 1, np.int64)
        known = np.diff(ptr) > 0
        found[known] = self.at(timestamps[ptr[1:][known] - 1])
        return found
