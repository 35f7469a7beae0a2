"""Tuning: the same budget for all, the best on validation, and the test left alone."""

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from gatewright.evaluation.errors import ScoreError
from gatewright.evaluation.quality import as_json
from gatewright.models.baselines.tune import joined, trials, tune

FITTED = Counter()


@dataclass(frozen=True)
class _Ranks:
    """Puts item ``favourite`` first for everybody."""

    NAME: ClassVar[str] = "favourite"
    GRID: ClassVar = {"favourite": (0, 1, 2, 3, 4), "other": ("a", "b")}

    favourite: int = 0
    other: str = "a"

    def fit(self, train):
        FITTED[tuple(train.items)] += 1
        return self

    def scores(self, users):
        return np.tile(np.float32(np.arange(5) == self.favourite), (len(users), 1))


class _Parts:
    """Nobody may look at its test."""

    def __init__(self, train, validation):
        self.train, self.validation = train, validation

    @property
    def test(self):
        raise AssertionError("the test was looked at")


@pytest.fixture
def parts(ratings):
    return _Parts(ratings([[0], [1, 0]], 5), ratings([[3, 2], [3]], 5))


def test_the_best_on_validation_is_chosen_and_of_equals_the_first(parts):
    FITTED.clear()
    seen = []
    tuned = tune(_Ranks, parts, progress=lambda *each: seen.append(each))
    assert tuned.system == _Ranks(3, "a")
    assert [trial.options["favourite"] for trial in tuned.trials] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert max(trial.validation for trial in tuned.trials) == tuned.trials[6].validation
    assert seen == [("favourite", done, 10) for done in range(10)]
    assert FITTED == {(0, 1, 0): 10}
    assert as_json(tuned)["trials"][0]["options"] == {"favourite": 0, "other": "a"}


def test_the_chosen_learns_validation_before_the_test(parts):
    FITTED.clear()
    tune(_Ranks, parts).for_test(parts)
    assert FITTED == {(0, 1, 0): 10, (0, 3, 2, 1, 0, 3): 1}


def test_budgets_bind_and_draw_without_repetition():
    assert len(trials(_Ranks, 100)) == 10
    drawn = trials(_Ranks, 4, seed=1)
    assert len({tuple(point.values()) for point in drawn}) == 4
    assert drawn == trials(_Ranks, 4, seed=1)
    assert any(trials(_Ranks, 4, seed=seed) != drawn for seed in range(2, 6))


def test_a_trial_that_ranks_nothing_is_named(parts):
    class Broken(_Ranks):
        def scores(self, users):
            return np.full((len(users), 5), np.nan, np.float32)

    with pytest.raises(ScoreError, match=r"favourite with \{'favourite': 0, 'other': 'a'\} scores item index 0"):
        tune(Broken, parts)


def test_joined_ratings_are_in_order_of_time(tastes):
    data = tastes(12, 30)
    train, rest = data.hold_out_latest(0.3)
    both = joined(train, rest)
    for name in ("users", "items", "ratings", "timestamps"):
        assert (getattr(both, name) == getattr(data, name)).all()
    assert both.user_ptr.tolist() == data.user_ptr.tolist()
    assert both.n_items == data.n_items
