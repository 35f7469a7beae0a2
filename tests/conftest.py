"""What all tests share: random numbers that depend on the test alone."""

import zlib

import numpy as np
import pytest


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded by the test's name, parameters included: the same data in every order of tests."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))
