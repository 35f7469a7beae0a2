"""The co-rating window against its definition, pair by pair."""

import numpy as np
import pytest

from gatewright.models.baselines import co_rating
from gatewright.models.baselines.co_rating import CoRating, co_ratings


def _pair_by_pair(histories, n_items, window, reach):
    found = np.zeros((n_items, n_items))
    for history in histories:
        for a, first in enumerate(history):
            for b, second in enumerate(history):
                if 0 < abs(a - b) <= window and first != second:
                    found[first, second] += 0.5 ** (abs(a - b) / reach)
    return found


@pytest.mark.parametrize("at_once", [1, 40, 1 << 22])
@pytest.mark.parametrize(("window", "reach"), [(1, 1.0), (3, 2.0), (50, 10.0)])
def test_pairs_count_by_their_distance(window, reach, at_once, ratings, rng, monkeypatch):
    monkeypatch.setattr(co_rating, "PAIRS_AT_ONCE", at_once)
    histories = [rng.permutation(8)[: rng.integers(9)].tolist() for _ in range(6)] + [[2, 5, 2]]
    found = co_ratings(ratings(histories, 8), window, reach).toarray()
    np.testing.assert_allclose(found, _pair_by_pair(histories, 8, window, reach), rtol=1e-12)


def test_the_latest_votes_most_and_popular_items_weigh_less(ratings):
    histories = [[0, 1], [2, 3], [2, 3], [0, 4, 2]]
    model = CoRating(window=1, reach=1.0, half_life=1.0, shrinkage=2.0)
    count = np.array([2, 1, 3, 2, 1])
    together = _pair_by_pair(histories, 5, 1, 1.0) / np.sqrt(np.outer(count + 2, count + 2))
    expected = together[2] + together[4] / 2 + together[0] / 4
    np.testing.assert_allclose(model.fit(ratings(histories, 5)).scores(np.array([3]))[0], expected, rtol=1e-6)


def test_nobody_rated_anything(ratings):
    assert co_ratings(ratings([[], []], 3), 2, 1.0).nnz == 0
