"""Means of each user over results that may have other users."""

import numpy as np
import pytest

from gatewright.comparison.pool import pooled
from gatewright.evaluation.errors import EvaluationError
from gatewright.evaluation.quality import Quality


def _quality(users, values, k=10, metric="ndcg"):
    return Quality(k, np.array(users, np.int64), {metric: np.array(values, np.float64)})


def test_each_user_is_averaged_over_those_who_have_it():
    found = pooled([_quality([1, 4], [0.5, 1.0]), _quality([4, 7], [0.0, 0.25]), _quality([], [])])
    assert found.users.tolist() == [1, 4, 7]
    assert found.values["ndcg"].tolist() == [0.5, 0.5, 0.25]


def test_nobody_at_all_is_an_empty_result():
    found = pooled([_quality([], []), _quality([], [])])
    assert found.mean("ndcg") is None


@pytest.mark.parametrize("others", [[], [_quality([1], [1.0]), _quality([1], [1.0], k=5)],
                                    [_quality([1], [1.0]), _quality([1], [1.0], metric="mrr")]])  # fmt: skip
def test_what_is_not_the_same_measure_is_not_pooled(others):
    with pytest.raises(EvaluationError, match="need the same metrics and k, got"):
        pooled(others)
