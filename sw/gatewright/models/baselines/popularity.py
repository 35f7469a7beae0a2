"""Everybody gets the same list, items by their number of ratings; also whoever a personal system knows nothing of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gatewright.evaluation.scorer import Scorer
from gatewright.models.data import MovieLens

__all__ = ["PersonalScorer", "Popularity", "PopularityScorer"]


@dataclass(frozen=True)
class Popularity:
    """Without options."""

    NAME: ClassVar[str] = "popularity"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    def fit(self, train: MovieLens) -> "PopularityScorer":
        return PopularityScorer(np.bincount(train.items, minlength=train.n_items).astype(np.float32))


@dataclass(frozen=True)
class PopularityScorer:
    """``counts``: float32 [items]."""

    counts: np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        return np.tile(self.counts, (len(users), 1))


@dataclass(frozen=True)
class PersonalScorer:
    """Scores of ``personal`` for users with a history, of ``popular`` for those without; ``known``: bool [users]."""

    personal: Scorer
    popular: PopularityScorer
    known: np.ndarray

    @classmethod
    def of(cls, personal: Scorer, train: MovieLens) -> "PersonalScorer":
        return cls(personal, Popularity().fit(train), np.diff(train.user_ptr) > 0)

    def scores(self, users: np.ndarray) -> np.ndarray:
        return np.where(self.known[users, None], self.personal.scores(users), self.popular.scores(users))
