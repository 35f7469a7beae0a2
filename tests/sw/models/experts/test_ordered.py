"""What follows, and what stands together: signals that are in the order of ratings alone."""

import numpy as np
import pytest
import scipy.sparse as sp

from gatewright.models.baselines.co_rating import co_ratings, followers
from gatewright.models.experts import ordered
from gatewright.models.experts.ordered import followed, together


@pytest.fixture(autouse=True)
def cache(shared_cache, monkeypatch):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(shared_cache))


def _of_latest(expert, item):
    history = sp.csr_matrix(([1.0], ([0], [item])), shape=(1, len(expert.keys)))
    return (expert.ask(history) @ expert.values.T)[0]


@pytest.mark.parametrize("width", [9, 60], ids=["iterative", "dense"])
def test_followers_are_told_from_predecessors(width, ratings, rng):
    """Users walk a ring of items, all in the same direction."""
    histories = [(start + np.arange(8)).tolist() for start in range(20)] * 3
    train = ratings([[item % 20 for item in history] for history in histories], 20)
    after, near = followed(train, 1.0, 1.0, width), together(train, 1.0, 1.0, width)
    for item in range(20):
        said = _of_latest(after, item)
        assert said[(item + 1) % 20] > said[(item - 1) % 20] + 1
        said = _of_latest(near, item)
        assert said[(item + 1) % 20] == pytest.approx(said[(item - 1) % 20], abs=0.5)


@pytest.mark.parametrize(("size", "width"), [(30, 30), (30, 10), (10, 60)])
def test_the_strongest_directions_are_the_best_approximation(size, width, rng):
    matrix = sp.random(size, size, 0.5, "csr", rng=rng)
    left, strength, right = ordered._strongest(matrix, width)
    dense = matrix.toarray()
    u, s, v = np.linalg.svd(dense)
    best = (u[:, :width] * s[:width]) @ v[:width]
    np.testing.assert_allclose((left * strength) @ right, best, atol=1e-4)


def test_each_pair_counts_for_the_earlier_item(ratings, rng):
    train = ratings([rng.permutation(8).tolist() for _ in range(5)] + [[2, 5, 2]], 8)
    one_way = followers(train, 3, 2.0)
    np.testing.assert_allclose((one_way + one_way.T).toarray(), co_ratings(train, 3, 2.0).toarray())
    assert followers(ratings([[1, 0], [1, 2, 0]], 3), 1, 1.0).toarray().tolist() == [
        [0, 0, 0],
        [0.5, 0, 0.5],
        [0.5, 0, 0],
    ]


def test_nobody_rated_anything(ratings):
    assert (_of_latest(followed(ratings([[], []], 3), 5.0, 3.0, 8), 1) == 0).all()
