"""The hybrid model deployed on the golden model: small, and trained on all ratings."""

import pytest

from gatewright.driver import Accelerator


@pytest.fixture(scope="session")
def accelerator():
    with Accelerator("pynq-z2", "golden") as opened:
        yield opened


@pytest.fixture(scope="session")
def recommender(accelerator, small_deployed):
    from gatewright.recommender import HybridRecommender

    return HybridRecommender(accelerator, small_deployed.model, small_deployed.programs)


@pytest.fixture(scope="session")
def full_trained():
    from gatewright.models.data import load_movielens
    from gatewright.models.train import train_or_load

    return train_or_load(load_movielens())


@pytest.fixture(scope="session")
def full_recommender(accelerator, full_trained):
    from gatewright.models.deploy import deploy_or_load
    from gatewright.recommender import HybridRecommender

    deployed = deploy_or_load(full_trained, accelerator.config)
    return HybridRecommender(accelerator, deployed.model, deployed.programs)
