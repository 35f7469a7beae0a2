"""The vector engine's parts run with as many lanes as a configuration may have."""

import pytest


@pytest.fixture(params=[2, 4], ids=lambda lanes: f"{lanes} lanes")
def lanes(request: pytest.FixtureRequest) -> int:
    """Elements of a group."""
    return int(request.param)
