"""The best linear model from a user's items to all items, none of which may predict itself, in closed form.

H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019: with X the users' items [users, items] and
P = (XᵀX + λI)⁻¹, the weights are B = I - P diag(P)⁻¹, and the scores X B. Where there are fewer users than items,
P = (I - Xᵀ(XXᵀ + λI)⁻¹X) / λ needs a matrix of the users' size only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from gatewright.evaluation.scorer import Scorer
from gatewright.models.baselines.interactions import ItemToItem, interactions
from gatewright.models.baselines.popularity import PersonalScorer
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens

__all__ = ["Ease", "ease_scorer"]


@dataclass(frozen=True)
class Ease:
    """``regularisation`` is λ."""

    NAME: ClassVar[str] = "EASE"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "regularisation": tuple(float(round(10 * 2 ** (step / 3))) for step in range(24)),  # 10 to 2032
    }

    regularisation: float = 400.0

    def __post_init__(self) -> None:
        check_positive(self, "regularisation")

    def fit(self, train: MovieLens) -> PersonalScorer:
        users_items = interactions(train)
        return PersonalScorer.of(ease_scorer(users_items, users_items, self.regularisation), train)


def ease_scorer(users_items: sp.csr_matrix, history: sp.csr_matrix, regularisation: float) -> Scorer:
    """Scores ``history`` B, of weights B that are learnt from ``users_items``; both [users, items]."""
    n_users, n_items = users_items.shape
    if n_items <= n_users:
        inverse = np.linalg.inv((users_items.T @ users_items).toarray() + regularisation * np.eye(n_items))
        return ItemToItem(history, np.eye(n_items) - inverse / np.diag(inverse))
    gram = (users_items @ users_items.T).toarray() + regularisation * np.eye(n_users)
    dual = np.linalg.inv(gram) @ users_items  # [users, items]
    of_diagonal = 1 - np.asarray(users_items.multiply(dual).sum(axis=0))[0]  # λ diag(P)
    return _DualScorer(history, (history @ users_items.T).toarray(), dual, of_diagonal)


@dataclass(frozen=True)
class _DualScorer:
    """``history`` B without B: ``common`` is history Xᵀ [users, users], ``dual`` (XXᵀ + λI)⁻¹X [users, items]."""

    history: sp.csr_matrix
    common: np.ndarray
    dual: np.ndarray
    of_diagonal: np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        history = self.history[users].toarray()
        found = history - (history - self.common[users] @ self.dual) / self.of_diagonal
        return found.astype(np.float32)
