"""What all tests share: random numbers that depend on the test alone, not on those that ran before."""

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# `--hypothesis-profile=search` looks for new examples; by default each run tries the same ones.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", settings.get_profile("search"), derandomize=True)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that is empty when the tests begin; the workers of pytest-xdist share it, so that one trains for all."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "cache"


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded by the test's name, parameters included: the same data in every order of tests."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))
