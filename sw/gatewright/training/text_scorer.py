"""Lists from the texts of movies: near to what a user rated last, and rated often."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gatewright.models.data import MovieLens
from gatewright.models.unit_rows import unit_rows
from gatewright.training.recommendation_loss import RecommendationLoss

__all__ = ["TextScorer"]


@dataclass(frozen=True)
class TextScorer:
    """A `Scorer`: ``vectors`` float32 [items, width] are unit vectors of texts, ``train`` what is known of users.

    A user's vector is the sum over the history, the latest weighing most; without one, the list is what is popular.
    """

    train: MovieLens
    vectors: np.ndarray
    options: RecommendationLoss

    @cached_property
    def counts(self) -> np.ndarray:
        return np.bincount(self.train.items, minlength=self.train.n_items)

    def scores(self, users: np.ndarray) -> np.ndarray:
        weights = 0.5 ** (self.train.age_from_end() / self.options.half_life)
        found = np.zeros((len(users), self.vectors.shape[1]))
        for row, user in enumerate(users):
            span = slice(self.train.user_ptr[user], self.train.user_ptr[user + 1])
            found[row] = weights[span] @ self.vectors[self.train.items[span]]
        cosines = unit_rows(found) @ self.vectors.T
        scores = cosines / self.options.temperature + np.log(self.counts + 1)
        scores[:, self.counts < self.options.least_ratings] = -np.inf
        return scores.astype(np.float32)

    @classmethod
    def of(cls, train: MovieLens, encoder: Any, options: RecommendationLoss) -> "TextScorer":
        """With the vectors that ``encoder`` gives now. Those of movies that are not recommended are zero, also in
        histories."""
        found = np.bincount(train.items, minlength=train.n_items) >= options.least_ratings
        items = np.flatnonzero(found)
        vectors = np.zeros((train.n_items, encoder.bert.config.hidden_size), np.float32)
        if len(items):
            vectors[items] = encoder.table(items)
        return cls(train, vectors, options)
