"""A scorer of user and item vectors."""

from dataclasses import dataclass

import numpy as np

from gatewright.models.data import MovieLens

__all__ = ["VectorScorer"]


@dataclass(frozen=True)
class VectorScorer:
    """Dot products of ``user`` [users, width] and ``item`` [items, width], plus ``offset`` [items].

    What training has learnt of an item without a rating is only that nobody took it: all of these share the least score
    of their user's list, since chance alone would tell them apart.
    """

    user: np.ndarray
    item: np.ndarray
    offset: np.ndarray
    rated: np.ndarray

    @classmethod
    def of(
        cls, train: MovieLens, user: np.ndarray, item: np.ndarray, offset: np.ndarray | None = None
    ) -> "VectorScorer":
        none = np.zeros(train.n_items, np.float32)
        rated = np.bincount(train.items, minlength=train.n_items) > 0
        return cls(user, item, none if offset is None else offset, rated)

    def scores(self, users: np.ndarray) -> np.ndarray:
        found = self.user[users] @ self.item.T + self.offset
        found[:, ~self.rated] = found.min(axis=1, keepdims=True)
        return found.astype(np.float32)
