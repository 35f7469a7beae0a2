"""Experts asked about users, each alone."""

from dataclasses import dataclass

import numpy as np

from gatewright.models.baselines.interactions import interactions, recency
from gatewright.models.data import MovieLens
from gatewright.models.experts.era import Eras
from gatewright.models.experts.expert import Expert
from gatewright.models.experts.text import Reading

__all__ = ["Opinions", "Panel"]


@dataclass(frozen=True)
class Panel:
    """All that is learnt of items. Of users it knows only what `hear` is told, so that a new rating counts at once.

    The last expert is the one on texts, which come by ``reading``.
    """

    experts: tuple[Expert, ...]
    eras: Eras
    reading: Reading

    def hear(self, ratings: MovieLens) -> "Opinions":
        """What there is to say to the users of ``ratings``, each at the time of the latest, or now without any."""
        vectors = tuple(each.ask(interactions(ratings, recency(ratings, each.half_life))) for each in self.experts)
        return Opinions(self, vectors, self.eras.months.of_latest(ratings.timestamps, ratings.user_ptr))


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
