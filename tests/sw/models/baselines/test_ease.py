"""EASE against ridge regression of each item on all others, and its two ways against each other."""

import numpy as np
import pytest

from gatewright.models.baselines.ease import Ease, ease_scorer
from gatewright.models.baselines.interactions import interactions, recency
from gatewright.models.baselines.recency_ease import RecencyEase


def _weights(x, regularisation):
    """Item by item: the ridge regression of its column on all other columns."""
    n = x.shape[1]
    weights = np.zeros((n, n))
    for item in range(n):
        others = np.delete(np.arange(n), item)
        a = x[:, others]
        weights[others, item] = np.linalg.solve(a.T @ a + regularisation * np.eye(n - 1), a.T @ x[:, item])
    return weights


@pytest.mark.parametrize("sizes", [(30, 60), (60, 30), (40, 40)], ids=["dual", "primal", "square"])
@pytest.mark.parametrize("regularisation", [0.5, 20.0, 2000.0])
def test_scores_are_those_of_the_regressions(sizes, regularisation, tastes):
    train = tastes(*sizes)
    x = interactions(train).toarray()
    users = np.array([5, 2])
    expected = (x @ _weights(x, regularisation))[users]
    np.testing.assert_allclose(Ease(regularisation).fit(train).scores(users), expected, rtol=1e-4, atol=1e-6)

    weighted = interactions(train, recency(train, 3.0)).toarray()
    expected = (weighted @ _weights(x, regularisation))[users]
    found = RecencyEase(regularisation, 3.0).fit(train).scores(users)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_long_half_life_is_no_recency(tastes):
    train = tastes(20, 40)
    users = np.arange(20)
    np.testing.assert_allclose(
        RecencyEase(50.0, 1e9).fit(train).scores(users), Ease(50.0).fit(train).scores(users), atol=1e-6
    )


def test_weights_halve_by_position_from_the_latest(ratings):
    train = ratings([[0, 1, 2], [2]], 3)
    assert recency(train, 1.0).tolist() == [0.25, 0.5, 1, 1]
    assert interactions(train, recency(train, 2.0)).toarray()[0].tolist() == pytest.approx([0.5, 0.5**0.5, 1])


def test_an_item_rated_twice_is_one_item(ratings):
    once, twice = (interactions(ratings([history, [1]], 3)) for history in ([0, 1], [0, 1, 0]))
    assert (once.toarray() == twice.toarray()).all()
    found = [ease_scorer(x, x, 1.0).scores(np.array([0])).tolist() for x in (once, twice)]
    assert found[0] == found[1]
