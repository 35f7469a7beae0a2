"""Ratings as a sparse matrix: that a user rated an item is what counts, the stars are not looked at."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from gatewright.models.data import MovieLens

__all__ = ["ItemToItem", "interactions", "recency"]


def interactions(ratings: MovieLens, weights: np.ndarray | None = None) -> sp.csr_matrix:
    """float64 [users, items]: 1 where a user rated an item; with ``weights`` [ratings], the sum of those."""
    values = np.ones(len(ratings.items)) if weights is None else weights
    shape = ratings.n_users, ratings.n_items
    matrix = sp.csr_matrix((values.astype(np.float64), (ratings.users, ratings.items)), shape=shape)
    return matrix.sign() if weights is None else matrix


def recency(ratings: MovieLens, half_life: float) -> np.ndarray:
    """float64 [ratings]: 1 for a user's latest rating, half of it for one that lies ``half_life`` ratings back."""
    weights: np.ndarray = 0.5 ** (ratings.age_from_end() / half_life)
    return weights


@dataclass(frozen=True)
class ItemToItem:
    """A `Scorer`: rows of ``similarity`` [items, items], summed over a user's ``history`` (sparse [users, items])."""

    history: sp.csr_matrix
    similarity: sp.csr_matrix | np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        found = self.history[users] @ self.similarity
        return np.asarray(found.todense() if sp.issparse(found) else found, np.float32)
