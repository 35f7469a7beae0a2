"""Everybody gets the same list: items by their number of ratings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gatewright.models.data import MovieLens

__all__ = ["Popularity"]


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
