"""Where relevant items stand in their lists, with ties left open.

Items of the same score share a range of positions. Whoever breaks such a tie by item index measures the order of the
file, and whoever breaks it by chance adds noise. Here nobody breaks it: each relevant item keeps how many stand above
it and how many share its score, and the metrics are expectations over all orders of those, all equally likely, exactly
(F. McSherry and M. Najork, "Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied
Scores", ECIR 2008). A scorer that gives every item the same score gets just what a random order gets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.evaluation.errors import EvaluationError
from gatewright.evaluation.scorer import Index

__all__ = ["Ranks", "places"]


@dataclass(frozen=True)
class Ranks:
    """The relevant items of many lists; a *case* is one list, the relevant ones of case c are ``ptr[c]:ptr[c + 1]``.

    Attributes
    ----------
    ptr : int64 [cases + 1], rising: every case has a relevant item
    above : int64 [relevant], items of a higher score
    tied : int64 [relevant], items of the same score, itself included
    """

    ptr: Index
    above: Index
    tied: Index

    def __post_init__(self) -> None:
        if len(self.ptr) < 1 or self.ptr[0] != 0 or self.ptr[-1] != len(self.above) or (np.diff(self.ptr) < 1).any():
            raise EvaluationError("a list without a relevant item has no metric: leave it out and say how many")

    @classmethod
    def of(cls, cases: Iterable[tuple[Index, Index]]) -> Ranks:
        """From (above, tied) of each case."""
        found = list(cases)
        ptr = np.concatenate([[0], np.cumsum([len(above) for above, _ in found])]).astype(np.int64)
        nothing = [np.zeros(0, np.int64)]
        return cls(
            ptr,
            np.concatenate([above for above, _ in found] or nothing),
            np.concatenate([tied for _, tied in found] or nothing),
        )

    @property
    def n_cases(self) -> int:
        return len(self.ptr) - 1

    @cached_property
    def case(self) -> Index:
        """int64 [relevant], the case of each relevant item."""
        return np.repeat(np.arange(self.n_cases), np.diff(self.ptr))

    def only(self, kept: npt.NDArray[np.bool_]) -> tuple[Ranks, Index]:
        """As if only the items of ``kept`` (bool [relevant]) were relevant; and the cases that still have one."""
        count = np.bincount(self.case[kept], minlength=self.n_cases)
        cases = np.flatnonzero(count)
        ptr = np.concatenate([[0], np.cumsum(count[cases])]).astype(np.int64)
        return Ranks(ptr, self.above[kept], self.tied[kept]), cases


def places(scores: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> tuple[Index, Index]:
    """How many of a list's ``scores`` lie above each of the ``wanted`` ones, which are among them; and how many equal
    it."""
    ascending = np.sort(scores)
    below = np.searchsorted(ascending, wanted, "left")
    up_to = np.searchsorted(ascending, wanted, "right")
    return (len(ascending) - up_to).astype(np.int64), (up_to - below).astype(np.int64)
