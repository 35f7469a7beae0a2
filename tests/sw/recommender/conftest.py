"""Accelerators on the golden model, and the small model bound to one."""

import pytest

from gatewright.driver import Accelerator


@pytest.fixture(scope="session")
def accelerator():
    with Accelerator("pynq-z2", "golden") as opened:
        yield opened


@pytest.fixture(scope="session")
def tiny_accelerator():
    with Accelerator("tiny", "golden") as opened:
        yield opened


@pytest.fixture(scope="session")
def recommender(accelerator, small_quantised):
    from gatewright.recommender import HybridRecommender

    return HybridRecommender(accelerator, small_quantised)


@pytest.fixture(scope="session")
def full_trained():
    from gatewright.models.data import load_movielens
    from gatewright.models.train import train_or_load

    return train_or_load(load_movielens())


@pytest.fixture(scope="session")
def full_recommender(accelerator, full_trained):
    from gatewright.models.quantise import quantise_or_load
    from gatewright.recommender import HybridRecommender

    return HybridRecommender(accelerator, quantise_or_load(full_trained))
