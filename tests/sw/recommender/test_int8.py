"""What the accelerator's arithmetic costs in quality, on the golden model."""

import numpy as np
import pytest

from gatewright.evaluation.protocols import FullRanking
from gatewright.models.data import load_movielens
from gatewright.models.data.splits import UserTimeSplit, split
from gatewright.models.deploy import deploy_or_load
from gatewright.models.train import train_or_load
from gatewright.recommender import HybridRecommender


class Answered:
    """A `Scorer` of scores that are there: float32 [users, items]."""

    def __init__(self, scores):
        self._scores = scores

    def scores(self, users):
        return self._scores[users]


def _answers(recommender):
    return np.stack([recommender.scores(user)[0] for user in range(len(recommender.model.user_ptr) - 1)])


def test_scores_are_off_by_little_beside_their_spread(recommender, small_trained):
    meant = small_trained.reference().heard.scores(np.arange(small_trained.data.n_users))
    off = _answers(recommender) - meant
    assert (off.std(axis=1) < 0.03 * meant.std(axis=1)).all()


@pytest.mark.slow
def test_quality_of_all_test_users(accelerator):
    """At most 1 % of NDCG@10 is lost."""
    parts = split(load_movielens(), UserTimeSplit(validation=0))
    trained = train_or_load(parts.train)
    protocol = FullRanking(parts.train, parts.test)
    deployed = deploy_or_load(trained, accelerator.config)
    with HybridRecommender(accelerator, deployed.model, deployed.programs) as recommender:
        found = protocol.measure(Answered(_answers(recommender)), "int8").all
    meant = protocol.measure(trained.reference().heard, "float").all
    print(f"NDCG@10 float {meant.mean('ndcg'):.4f}, int8 {found.mean('ndcg'):.4f}, {len(meant.users)} users")
    assert found.mean("ndcg") >= 0.99 * meant.mean("ndcg")
