"""Items go together where users rated one soon after the other; a user's latest ratings vote for what goes with them.

The counterpart of `ItemKnn` that knows in which order a user rated. Sessions are told apart by order alone: the closer
two ratings of a user stand in time, the more their pair counts, as in session-based neighbourhood methods (M. Ludewig
and D. Jannach, "Evaluation of session-based recommendation algorithms", UMUAI 28, 2018).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from gatewright.models.baselines.interactions import ItemToItem, interactions, recency
from gatewright.models.baselines.popularity import PersonalScorer
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens

__all__ = ["CoRating", "co_ratings", "followers"]

PAIRS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class CoRating:
    """Pairs of one user's ratings up to ``window`` positions apart, weighted by 0.5 ** (distance / ``reach``).

    Their sum for two items, over sqrt((ratings of one + ``shrinkage``) · (ratings of the other + ``shrinkage``)), is
    how much these go together; in a user's history a rating counts half of one ``half_life`` ratings later.
    """

    NAME: ClassVar[str] = "co-rating window"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "reach": (2.5, 5.0, 10.0, 20.0),
        "half_life": (2.0, 3.0, 5.0),
        "shrinkage": (3.0, 10.0),
    }

    window: int = 40
    reach: float = 10.0
    half_life: float = 3.0
    shrinkage: float = 10.0

    def __post_init__(self) -> None:
        check_positive(self, "window", "reach", "half_life", "shrinkage")

    def fit(self, train: MovieLens) -> PersonalScorer:
        count = np.bincount(train.items, minlength=train.n_items)
        scale = sp.diags(1 / np.sqrt(count + self.shrinkage))
        together = scale @ co_ratings(train, self.window, self.reach) @ scale
        history = interactions(train, recency(train, self.half_life))
        return PersonalScorer.of(ItemToItem(history, together.tocsr()), train)


def co_ratings(ratings: MovieLens, window: int, reach: float) -> sp.csr_matrix:
    """float64 [items, items], symmetric, zero on the diagonal: the weighted number of pairs within ``window``."""
    one_way = followers(ratings, window, reach)
    return (one_way + one_way.T).tocsr()


def followers(ratings: MovieLens, window: int, reach: float) -> sp.csr_matrix:
    """float64 [earlier item, later item], zero on the diagonal: the weighted number of such pairs within ``window``."""
    shape = ratings.n_items, ratings.n_items
    one_way = sp.csr_matrix(shape)
    for weight, first, second in _pairs(ratings, window, reach):
        one_way += sp.csr_matrix((weight, (first, second)), shape=shape)
    one_way.setdiag(0)
    one_way.eliminate_zeros()
    return one_way


def _pairs(ratings: MovieLens, window: int, reach: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Weights, earlier and later items of the pairs, of several distances at once as far as memory is to hold them."""
    step = max(1, PAIRS_AT_ONCE // max(1, len(ratings.items)))
    for start in range(1, window + 1, step):
        found = [_at_distance(ratings, distance) for distance in range(start, min(start + step, window + 1))]
        weights = [np.full(len(first), 0.5 ** ((start + n) / reach)) for n, (first, _) in enumerate(found)]
        yield np.concatenate(weights), *(np.concatenate(side) for side in zip(*found, strict=True))


def _at_distance(ratings: MovieLens, distance: int) -> tuple[np.ndarray, np.ndarray]:
    same_user = ratings.users[:-distance] == ratings.users[distance:]
    return ratings.items[:-distance][same_user], ratings.items[distance:][same_user]
