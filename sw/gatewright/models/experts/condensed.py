"""What a panel says, as one product of short vectors: this is served, and measured.

Whatever the experts and the month say of all items is a sum of fixed rows over the items. Requests use few directions
of the space that these rows span: the main ones of what is said in real requests, each item counting by its ratings,
since errors matter where lists are filled from. Scores become their projection on these directions, as the
Karhunen-Loève theorem has it, and a request multiplies with a third of the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gatewright.models.baselines.interactions import interactions, recency
from gatewright.models.data import MovieLens
from gatewright.models.experts.panel import Panel
from gatewright.models.unit_rows import unit_rows
from gatewright.recommender.months import Months

__all__ = ["HISTORY", "Aggregation", "Condensed", "Heard"]

HISTORY = 256
"""A user's latest ratings, as many as are read: eight half-lives of the longer one."""

LOOKS = 6  # at each user's history, cut off somewhere: the requests that directions are chosen by
MOST_LOOKS = 4096
EARLIEST = 0.3  # share of a history that is left at least
QUERIES = 0.3  # share of these requests in which a query was typed


@dataclass(frozen=True)
class Aggregation:
    """How an expert reads a history.

    ``keys``: float32 [items, width], the expert's, each row divided by its ``size`` (float32 [items]), so that those of
    rarely rated items have as many digits in int8 as others; the size belongs to the weight of a rating. They are
    turned at random, so that no column is much larger than another.
    """

    half_life: float
    keys: np.ndarray
    size: np.ndarray


@dataclass(frozen=True)
class Condensed:
    """``user = (unit vectors of experts and query) @ turn + months[month]``, ``scores = user @ values.T + bias``.

    Attributes
    ----------
    aggregations : the experts, in the order of the panel's
    turn : float32 [widths of all experts and of a query, width]
    months : float32 [rows, width], by the month of a request
    values : float32 [items, width]
    bias : float32 [items]
    when : the rows of ``months``

    The directions of a user vector mean nothing: they are turned at random, for int8's sake.
    """

    aggregations: tuple[Aggregation, ...]
    turn: np.ndarray
    months: np.ndarray
    values: np.ndarray
    bias: np.ndarray
    when: Months

    @classmethod
    def of(
        cls, panel: Panel, gate: np.ndarray, asked: float, ratings: MovieLens, width: int, seed: int = 0
    ) -> Condensed:
        """``gate`` is float32 [opinions] as `Opinions.apart` has them, ``asked`` the weight of a typed query; at most
        ``width`` directions are kept, which requests with the histories of ``ratings`` use."""
        number, eras = len(panel.experts), panel.eras
        spoken = [weight * each.values for weight, each in zip(gate, panel.experts, strict=False)]
        spoken.append(asked * panel.experts[-1].values)
        offset = np.tensordot(gate[number:], eras.tables, 1).astype(np.float64)
        usual = offset.mean(axis=0)
        rows = np.hstack([*spoken, (offset - usual).T]).astype(np.float64)
        weight = np.sqrt(np.bincount(ratings.items, minlength=ratings.n_items) + 1.0)[:, None]
        basis, inner = np.linalg.qr(rows * weight)
        rng = np.random.default_rng(seed)
        user, months = _looks(panel, ratings, rng)
        said = user @ inner[:, : user.shape[1]].T + inner[:, user.shape[1] + months].T
        mean = said.mean(axis=0)
        _, main = np.linalg.eigh((said - mean).T @ (said - mean) / len(said))
        main = main[:, ::-1][:, :width]
        main = main @ _turned(main.shape[1], rng)
        turn = inner.T @ main
        aggregations, at = [], 0
        for expert in panel.experts:
            own = _turned(expert.keys.shape[1], rng)
            keys = expert.keys @ own
            size = np.abs(keys).max(axis=1, initial=0)
            keys = keys / np.where(size > 0, size, 1)[:, None]
            aggregations.append(Aggregation(expert.half_life, keys.astype(np.float32), size.astype(np.float32)))
            turn[at : at + len(own)] = own.T @ turn[at : at + len(own)]
            at += len(own)
        return cls(
            tuple(aggregations),
            *(
                found.astype(np.float32)
                for found in (
                    turn[: user.shape[1]],
                    turn[user.shape[1] :] - mean @ main,
                    basis @ main / weight,
                    usual + (basis @ mean) / weight[:, 0],
                )
            ),
            eras.months,
        )

    def hear(self, ratings: MovieLens) -> Heard:
        """The `Scorer` for the users of ``ratings``, each at the time of the latest, or in the last month without."""
        said = []
        for each in self.aggregations:
            weights = recency(ratings, each.half_life) * (ratings.age_from_end() < HISTORY)
            said.append(unit_rows(interactions(ratings, weights * each.size[ratings.items]) @ each.keys))
        user = np.hstack(said)
        months = self.when.of_latest(ratings.timestamps, ratings.user_ptr)
        return Heard(self, user.astype(np.float32) @ self.turn[: user.shape[1]] + self.months[months])

    def typed(self, query: np.ndarray) -> np.ndarray:
        """What unit vectors of queries [queries, their width] add to user vectors: float32 [queries, width]."""
        return query @ self.turn[-query.shape[1] :]


@dataclass(frozen=True)
class Heard:
    """A `Scorer`: ``user`` is float32 [users, width]."""

    condensed: Condensed
    user: np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        return self.user[users] @ self.condensed.values.T + self.condensed.bias


def _turned(width: int, rng: np.random.Generator) -> np.ndarray:
    """A random orthogonal matrix."""
    return np.linalg.qr(rng.normal(size=(width, width)))[0]


def _looks(panel: Panel, ratings: MovieLens, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Of requests with histories as they once were: unit vectors of experts and query, float64 [requests, widths], and
    rows of months. Queries are the texts of random items, or none, of zeros."""
    count = np.diff(ratings.user_ptr)
    place = np.arange(len(ratings.users)) - ratings.user_ptr[ratings.users]
    texts = unit_rows(panel.experts[-1].keys)
    vectors, months = [], []
    for _ in range(LOOKS):
        left = np.ceil(count * rng.uniform(EARLIEST, 1, len(count)))
        heard = panel.hear(ratings.select(place < left[ratings.users]))
        chosen = rng.permutation(len(count))[: -(-MOST_LOOKS // LOOKS)]
        typed = (rng.random((len(chosen), 1)) < QUERIES) * texts[rng.integers(len(texts), size=len(chosen))]
        vectors.append(np.hstack([*(own[chosen] for own in heard.vectors), typed]))
        months.append(heard.months[chosen])
    return np.vstack(vectors).astype(np.float64), np.concatenate(months)
