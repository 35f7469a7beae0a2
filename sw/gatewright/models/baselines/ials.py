"""Matrix factorisation of who rated what, by alternating least squares over all pairs, the unrated ones included.

Y. Hu, Y. Koren and C. Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, in the form and
with the advice of S. Rendle, W. Krichene, L. Zhang and Y. Koren, "Revisiting the Performance of iALS on Item
Recommendation Benchmarks", RecSys 2022: minimised over user vectors w and item vectors h is

    Σ over rated (w·h - 1)² + a Σ over all (w·h)² + λ Σ over w (its ratings + a · items) |w|² + the same for items

so that rare and frequent ones are held alike; vectors start at a deviation of 0.1 / sqrt(dimensions), and
a and λ are tuned together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from gatewright.models.baselines.interactions import interactions
from gatewright.models.baselines.popularity import PersonalScorer
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens

__all__ = ["Ials", "IalsScorer"]

ENTRIES_AT_ONCE = 1 << 15  # ratings whose vectors are in memory together


@dataclass(frozen=True)
class Ials:
    """``unobserved_weight`` is a, ``regularisation`` λ."""

    NAME: ClassVar[str] = "iALS"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "dimensions": (64, 128),
        "unobserved_weight": (0.3, 1.0, 4.0, 16.0),
        "regularisation": (0.0003, 0.001, 0.003),
    }

    dimensions: int = 128
    unobserved_weight: float = 4.0
    regularisation: float = 0.001
    iterations: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "dimensions", "unobserved_weight", "regularisation", "iterations")

    def fit(self, train: MovieLens) -> PersonalScorer:
        return PersonalScorer.of(self.factors(train), train)

    def factors(self, train: MovieLens) -> "IalsScorer":
        """User and item vectors."""
        by_user = interactions(train)
        by_item = by_user.T.tocsr()
        rng = np.random.default_rng(self.seed)
        item = rng.normal(0, 0.1 / np.sqrt(self.dimensions), (train.n_items, self.dimensions))
        for _ in range(self.iterations):
            user = self._solve(by_user, item)
            item = self._solve(by_item, user)
        return IalsScorer(user, item)

    def _solve(self, rated: sp.csr_matrix, other: np.ndarray) -> np.ndarray:
        """The best vectors [rows, dimensions] of ``rated``'s rows, with those of its columns, ``other``, held fixed.

        In the eigenbasis of the unrated part, a Σ h hᵀ, all but a row's own n ratings is diagonal, D; what is left is a
        system of n or of ``dimensions`` unknowns, whichever is smaller. Rows of the same n are solved together.
        """
        spectrum, basis = np.linalg.eigh(self.unobserved_weight * other.T @ other)
        rotated = other @ basis
        count = np.diff(rated.indptr)
        strength = self.regularisation * (count + self.unobserved_weight * rated.shape[1])
        found = np.zeros((rated.shape[0], self.dimensions))
        for n in np.unique(count[count > 0]):
            rows = np.flatnonzero(count == n)
            step = max(1, ENTRIES_AT_ONCE // n)
            for some in (rows[start : start + step] for start in range(0, len(rows), step)):
                columns = rated.indices[rated.indptr[some][:, None] + np.arange(n)]
                diagonal = np.maximum(spectrum, 0) + strength[some][:, None]
                found[some] = _row_vectors(rotated[columns], diagonal)
        return found @ basis.T


def _row_vectors(own: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """(FᵀF + D)⁻¹ Fᵀ1 of each row: its ratings' vectors F, ``own`` [rows, n, dimensions]; D [rows, dimensions]."""
    rows, n, dimensions = own.shape
    if n < dimensions:  # = D⁻¹Fᵀ (I + F D⁻¹ Fᵀ)⁻¹ 1
        scaled = own / diagonal[:, None]
        weight = np.linalg.solve(np.eye(n) + scaled @ own.transpose(0, 2, 1), np.ones((rows, n, 1)))
        return (weight * scaled).sum(axis=1)
    system = own.transpose(0, 2, 1) @ own + diagonal[:, :, None] * np.eye(dimensions)
    return np.linalg.solve(system, own.sum(axis=1)[..., None])[..., 0]


@dataclass(frozen=True)
class IalsScorer:
    """``user``: float64 [users, dimensions], ``item``: float64 [items, dimensions]; zeros for those without ratings."""

    user: np.ndarray
    item: np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        return (self.user[users] @ self.item.T).astype(np.float32)
