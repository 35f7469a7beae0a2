"""A reproduction in seconds."""

from collections.abc import Iterator

import pytest

from gatewright.comparison.plan import Plan
from gatewright.models.data.splits import UserTimeSplit
from gatewright.reproduction.scope import Scope
from small_comparison import cache, data, entries, fitted
from small_reproduction import RUNS, Costs, Halved

__all__ = ["cache", "data", "entries", "fitted"]


@pytest.fixture
def runs() -> Iterator[list[str]]:
    RUNS.clear()
    yield RUNS
    RUNS.clear()


@pytest.fixture
def halved() -> type[Halved]:
    return Halved


@pytest.fixture
def scope(entries) -> Scope:
    plan = Plan(entries, UserTimeSplit(test=0.2), shuffles=2, seeds=2, pairs=(("counts", "chance"),))
    return Scope("small", plan, (Halved(), Costs()), "most of it")
