"""Three ways to ask a system for held-out ratings; their numbers cannot be compared with each other.

A protocol is made once from the data, ``seen`` (what the system knows when it is asked: its training ratings, at the
test also those of validation) and ``held_out``, and then measures any number of systems on the same users, items and
draws. Only users that something is held out of count; how many there are stands in every result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gatewright.evaluation.errors import EvaluationError
from gatewright.evaluation.metrics import ndcg
from gatewright.evaluation.quality import Quality
from gatewright.evaluation.ranks import Ranks, places
from gatewright.evaluation.scorer import Array, Index, Ratings, Scorer, checked_scores, items_of

__all__ = ["FullRanking", "FullRankingFound", "Reranking", "RerankingFound", "SampledRanking"]

USERS_AT_ONCE = 256  # rows of scores in memory


@dataclass(frozen=True)
class FullRankingFound:
    """Full ranking of one system, and the same apart for what it could not learn.

    ``warm_items`` and ``cold_items`` count only held-out items with and without any rating in ``seen`` as relevant,
    in the same lists; ``warm_users`` and ``cold_users`` are the users with and without a history in ``seen``.
    """

    all: Quality
    warm_items: Quality
    cold_items: Quality
    warm_users: Quality
    cold_users: Quality


@dataclass(frozen=True)
class FullRanking:
    """Every item that the user has not seen is ranked; the held-out ones, whatever their stars, are relevant."""

    seen: Ratings
    held_out: Ratings
    k: int = 10

    def __post_init__(self) -> None:
        _check_same(self.seen, self.held_out)

    @cached_property
    def relevant(self) -> dict[int, Index]:
        """Distinct held-out items by user, without those that the user had seen before: nobody may recommend these."""
        found = {
            user: np.setdiff1d(items_of(self.held_out, user), items_of(self.seen, user))
            for user in _users(self.held_out)
        }
        return {user: items.astype(np.int64) for user, items in found.items() if len(items)}

    @cached_property
    def cold_item_share(self) -> float:
        """Share, 0 to 1, of the relevant items that have no rating in ``seen``, each counted once a user."""
        items = np.concatenate([np.zeros(0, np.int64), *self.relevant.values()])
        cold = np.bincount(self.seen.items, minlength=self.seen.n_items)[items] == 0
        return float(cold.mean()) if len(cold) else 0.0

    @cached_property
    def cold_user_share(self) -> float:
        """Share, 0 to 1, of the relevant items that are of users without a rating in ``seen``."""
        known = np.diff(self.seen.user_ptr) > 0
        count = {user: len(items) for user, items in self.relevant.items()}
        return sum(n for user, n in count.items() if not known[user]) / max(1, sum(count.values()))

    def measure(self, scorer: Scorer, name: str) -> FullRankingFound:
        """Of the system ``name``; raises `ScoreError`."""
        users = np.fromiter(self.relevant, np.int64)
        ranks = Ranks.of(
            places(np.delete(row, items_of(self.seen, user)), row[self.relevant[user]])
            for user, row in _rows(scorer, users, self.seen.n_items, name)
        )
        items = np.concatenate([np.zeros(0, np.int64), *self.relevant.values()])
        warm_item = np.bincount(self.seen.items, minlength=self.seen.n_items)[items] > 0
        warm_user = np.diff(self.seen.user_ptr)[users[ranks.case]] > 0

        def only(kept: npt.NDArray[np.bool_]) -> Quality:
            part, cases = ranks.only(kept)
            return Quality.of(part, users[cases], self.k)

        return FullRankingFound(
            Quality.of(ranks, users, self.k), only(warm_item), only(~warm_item), only(warm_user), only(~warm_user)
        )


@dataclass(frozen=True)
class SampledRanking:
    """Each held-out item among ``negatives`` that its user never rated, drawn without replacement, for each anew.

    X. He et al., "Neural Collaborative Filtering", WWW 2017. To be read with care: with so few items the metrics of
    this protocol are not those of the full ranking on a smaller scale, and may even order two systems the other way
    round (W. Krichene and S. Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020). It is here because many
    papers report nothing else. A user who has fewer unrated items meets all of them.
    """

    seen: Ratings
    held_out: Ratings
    k: int = 10
    negatives: int = 99
    seed: int = 0

    @cached_property
    def draws(self) -> dict[int, tuple[Index, Index]]:
        """By user: the held-out items [n], and the negatives of each [n, drawn]; they depend on user and seed alone."""
        found = {}
        for user, items in FullRanking(self.seen, self.held_out).relevant.items():
            rated = np.union1d(items_of(self.seen, user), items)
            unrated = np.setdiff1d(np.arange(self.seen.n_items), rated, assume_unique=True)
            rng = np.random.default_rng([self.seed, user])
            count = min(self.negatives, len(unrated))
            drawn = [rng.choice(unrated, count, replace=False) for _ in items]
            found[user] = items, np.array(drawn, np.int64).reshape(len(items), count)
        return found

    def measure(self, scorer: Scorer, name: str) -> Quality:
        """Of the system ``name``, the mean of each user's held-out items; raises `ScoreError`."""
        users = np.fromiter(self.draws, np.int64)
        above, tied = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for user, row in _rows(scorer, users, self.seen.n_items, name):
            items, drawn = self.draws[user]
            above.append((row[drawn] > row[items, None]).sum(axis=1))
            tied.append((row[drawn] == row[items, None]).sum(axis=1) + 1)
        ranks = Ranks(np.arange(sum(map(len, above)) + 1), np.concatenate(above), np.concatenate(tied))
        return Quality.of(ranks, np.repeat(users, [len(items) for items, _ in self.draws.values()]), self.k)


@dataclass(frozen=True)
class RerankingFound:
    """NDCG@k of each user, float64 [users], beside that of a random order: ``*_random``, its exact expectation.

    ``linear`` takes the stars as gain, ``exponential`` 2 ** stars - 1.
    """

    k: int
    users: Index
    linear: Array
    linear_random: Array
    exponential: Array
    exponential_random: Array


@dataclass(frozen=True)
class Reranking:
    """A user's own held-out items, ordered by score: which of what they chose anyway do they like better?

    Of users with at least two of them, since one is in order by itself. All of these items carry gain, so that even a
    random order scores high, and a number of this protocol means nothing without the random one beside it.
    """

    held_out: Ratings
    k: int = 10

    def measure(self, scorer: Scorer, name: str) -> RerankingFound:
        """Of the system ``name``; raises `ScoreError`."""
        stars = {user: self._latest(user) for user in _users(self.held_out)}
        stars = {user: rated for user, rated in stars.items() if len(rated[0]) > 1}
        users = np.fromiter(stars, np.int64)
        rows = _rows(scorer, users, self.held_out.n_items, name)
        ranks = Ranks.of(places(row[stars[user][0]], row[stars[user][0]]) for user, row in rows)
        tied = np.diff(ranks.ptr)[ranks.case]
        random = Ranks(ranks.ptr, np.zeros_like(tied), tied)  # as if all scores were the same
        linear = np.concatenate([np.zeros(0), *(gains for _, gains in stars.values())])
        exponential = np.exp2(linear) - 1
        both = [ndcg(order, self.k, gains) for gains in (linear, exponential) for order in (ranks, random)]
        return RerankingFound(self.k, users, *both)

    def _latest(self, user: int) -> tuple[Index, Array]:
        """Distinct held-out items of a user and their stars, of each the latest."""
        span = slice(self.held_out.user_ptr[user], self.held_out.user_ptr[user + 1])
        items, last = np.unique(self.held_out.items[span][::-1], return_index=True)
        return items.astype(np.int64), self.held_out.ratings[span][::-1][last].astype(np.float64)


def _users(held_out: Ratings) -> list[int]:
    return [int(user) for user in np.flatnonzero(np.diff(held_out.user_ptr))]


def _check_same(seen: Ratings, held_out: Ratings) -> None:
    sizes = [(ratings.n_users, ratings.n_items) for ratings in (seen, held_out)]
    if sizes[0] != sizes[1]:
        raise EvaluationError(f"seen and held-out ratings need the same (users, items), got {sizes[0]} and {sizes[1]}")


def _rows(scorer: Scorer, users: Index, n_items: int, name: str) -> Iterator[tuple[int, Array]]:
    """Each user with the scores of all items."""
    for start in range(0, len(users), USERS_AT_ONCE):
        some = users[start : start + USERS_AT_ONCE]
        for user, row in zip(some, checked_scores(scorer, some, n_items, name), strict=True):
            yield int(user), row
