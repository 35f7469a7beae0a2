"""What is evaluated and on what, as far as evaluation looks at them: whoever scores items, and ratings by user."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gatewright.evaluation.errors import ScoreError

__all__ = ["Array", "Index", "Ratings", "Scorer", "checked_scores", "items_of"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


class Ratings(Protocol):
    """Ratings in order of users, for instance `MovieLens`: those of user index u are ``user_ptr[u]:user_ptr[u + 1]``,
    oldest first."""

    @property
    def n_users(self) -> int: ...
    @property
    def n_items(self) -> int: ...
    @property
    def items(self) -> npt.NDArray[Any]: ...
    @property
    def ratings(self) -> npt.NDArray[Any]: ...
    @property
    def user_ptr(self) -> npt.NDArray[Any]: ...


class Scorer(Protocol):
    """A recommender that has learnt what it can: the higher a score, the nearer to the top of its user's list.

    Scores of two users are never compared. Items that the user has rated are scored as well; whoever asks removes them.
    """

    def scores(self, users: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """float32 [len(users), items] for user indices; no NaN, infinite ones are well ordered."""
        ...


def checked_scores(scorer: Scorer, users: Index, n_items: int, name: str) -> npt.NDArray[Any]:
    """[len(users), n_items] of ``scorer``, called ``name`` where it raises `ScoreError`: another shape, or NaN."""
    scores = np.asarray(scorer.scores(users))
    if scores.shape != (len(users), n_items):
        raise ScoreError(f"{name} gave scores of shape {scores.shape} where {(len(users), n_items)} are asked for")
    wrong = np.isnan(scores)
    if wrong.any():
        row, item = np.argwhere(wrong)[0]
        raise ScoreError(
            f"{name} scores item index {item} for user index {users[row]} as NaN, {wrong.sum()} of {wrong.size} scores "
            f"are: NaN has no place in a ranking"
        )
    return scores


def items_of(ratings: Ratings, user: int) -> npt.NDArray[Any]:
    """Item indices that the user of an index rated, oldest first."""
    return ratings.items[ratings.user_ptr[user] : ratings.user_ptr[user + 1]]
