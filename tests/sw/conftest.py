"""A small hybrid model, really trained on a few MovieLens users, for the tests of models and recommender."""

import pytest


@pytest.fixture(scope="session")
def small_options():
    from gatewright.models.fusion import FusionOptions
    from gatewright.models.lightgcn import LightGCNOptions
    from gatewright.models.train import TrainingOptions
    from gatewright.models.train_fusion import FusionTraining

    return TrainingOptions(
        graph=LightGCNOptions(steps=30),
        fusion=FusionOptions(history=24),
        training=FusionTraining(steps=4, batch=32),
    )


@pytest.fixture(scope="session")
def small_trained(tmp_path_factory, small_options):
    """Trained from nothing in a cache of its own."""
    from gatewright.models.data import load_movielens
    from gatewright.models.train import train_or_load

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWRIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return train_or_load(load_movielens().subset(10), small_options)


@pytest.fixture(scope="session")
def small_quantised(small_trained):
    from gatewright.models.quantise import CalibrationOptions, quantise_hybrid

    return quantise_hybrid(small_trained, CalibrationOptions(texts=256, rows=384))
