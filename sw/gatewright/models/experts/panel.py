"""Experts asked about users, each alone or pooled by a gate."""

from dataclasses import dataclass

import numpy as np

from gatewright.models.baselines.interactions import interactions, recency
from gatewright.models.data import MovieLens
from gatewright.models.experts.era import Eras
from gatewright.models.experts.expert import Expert

__all__ = ["Opinions", "Panel", "Pooled"]


@dataclass(frozen=True)
class Panel:
    """All that is learnt of items. Of users it knows only what `hear` is told, so that a new rating counts at once."""

    experts: tuple[Expert, ...]
    eras: Eras

    def hear(self, ratings: MovieLens) -> "Opinions":
        """What there is to say to the users of ``ratings``, each at the time of the latest."""
        vectors = tuple(each.ask(interactions(ratings, recency(ratings, each.half_life))) for each in self.experts)
        latest = np.maximum(ratings.user_ptr[1:] - 1, 0)  # anybody's for a user without any
        return Opinions(self, vectors, self.eras.at(ratings.timestamps[latest]))


@dataclass(frozen=True)
class Opinions:
    """Of a panel: each expert's ``vectors`` of all users, and the ``months`` (int64 [users]) of their latest rating."""

    panel: Panel
    vectors: tuple[np.ndarray, ...]
    months: np.ndarray

    def apart(self, users: np.ndarray) -> np.ndarray:
        """float32 [len(users), items, opinions], each of mean 0 and variance 1 over a user's items: first those of the
        experts, then those of the era."""
        said = [own[users] @ expert.values.T for own, expert in zip(self.vectors, self.panel.experts, strict=True)]
        return np.stack([*said, *self.panel.eras.tables[:, self.months[users]]], axis=-1)

    def pooled(self, gate: np.ndarray) -> "Pooled":
        """With the weights ``gate``, float32 [opinions]."""
        number = len(self.panel.experts)
        user = [weight * own for weight, own in zip(gate[:number], self.vectors, strict=True)]
        return Pooled(
            np.hstack(user),
            np.hstack([expert.values for expert in self.panel.experts]),
            np.tensordot(gate[number:], self.panel.eras.tables, 1)[self.months],
        )


@dataclass(frozen=True)
class Pooled:
    """A `Scorer`: one product of ``user`` [users, width] and ``item`` [items, width], and an ``offset`` [users, items].

    The offsets are rows of one table by month.
    """

    user: np.ndarray
    item: np.ndarray
    offset: np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        return (self.user[users] @ self.item.T + self.offset[users]).astype(np.float32)
