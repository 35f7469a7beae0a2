"""Training, validation and test apart in time: all choices are made on validation, and test is looked at once.

Two rules. `UserTimeSplit` holds out each user's latest ratings, so that everybody is tested, but training then knows
what others did later. `GlobalTimeSplit` cuts all ratings at the same moments, as in service, where users and movies
turn up that training has never seen (Y. Ji et al., "A Critical Study on Data Leakage in Recommender System Offline
Evaluation", ACM TOIS 41(3), 2023). Ratings of one user at one time are shuffled (`ties`), and the seed of the shuffle
is part of the rule: a figure is known only as well as it agrees between `shuffles`.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from gatewright.models.data.movielens import MovieLens
from gatewright.models.data.split_counts import PARTS, TEST, TRAIN, VALIDATION, SplitCounts, count
from gatewright.models.data.ties import shuffle_ties
from gatewright.recommender.errors import DataError, RecommenderError

__all__ = ["GlobalTimeSplit", "Split", "SplitRule", "UserTimeSplit", "shuffles", "split"]


@dataclass(frozen=True)
class UserTimeSplit:
    """Of each user's ratings, the latest ``test`` share is for the test, the latest ``validation`` share before it.

    Each share is rounded down, but is at least one rating where the user has enough: the first stays in training
    always, the second goes to the test, the third to validation. A ``validation`` of 0 leaves that part empty. Raises
    `RecommenderError` for shares that leave nothing, and for a negative seed.
    """

    validation: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        _check_shares(self.validation, self.test)
        _check_seed(self.seed)

    @property
    def identity(self) -> str:
        """Everything that decides the parts, apart from the ratings."""
        return f"latest of each user, validation {float(self.validation)}, test {float(self.test)}, ties {self.seed}"

    def parts(self, data: MovieLens) -> np.ndarray:
        """int8 [ratings], `TRAIN`, `VALIDATION` or `TEST` of each rating of ``data``, taken in its order."""
        total = np.diff(data.user_ptr)
        test = np.minimum(np.maximum(1, np.floor(total * self.test)), total - 1)
        validation = np.maximum(1, np.floor(total * self.validation)) if self.validation else np.zeros_like(test)
        validation = np.minimum(validation, total - 1 - test)
        age = data.age_from_end()
        held = np.where(age < (test + validation)[data.users], VALIDATION, TRAIN)
        return np.where(age < test[data.users], TEST, held).astype(np.int8)


@dataclass(frozen=True)
class GlobalTimeSplit:
    """Ratings before ``validation_from`` train, those from ``test_from`` on test, those between validate.

    Times are seconds since 1970. Raises `RecommenderError` for a validation after the test, and for a negative seed.
    """

    validation_from: int
    test_from: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.validation_from > self.test_from:
            raise RecommenderError(
                f"validation from {self.validation_from}, allowed: up to the begin of the test, {self.test_from}"
            )
        _check_seed(self.seed)

    @classmethod
    def of_shares(cls, data: MovieLens, validation: float = 0.1, test: float = 0.1, seed: int = 0) -> "GlobalTimeSplit":
        """The times that hold out the latest shares of all ratings; ratings of one second stay together."""
        _check_shares(validation, test)
        times = np.sort(data.timestamps)
        first = len(times) - max(1, int(len(times) * test))
        return cls(int(times[max(0, first - int(len(times) * validation))]), int(times[first]), seed)

    @property
    def identity(self) -> str:
        """Everything that decides the parts, apart from the ratings."""
        return f"global time, validation from {self.validation_from}, test from {self.test_from}, ties {self.seed}"

    def parts(self, data: MovieLens) -> np.ndarray:
        """int8 [ratings], `TRAIN`, `VALIDATION` or `TEST` of each rating of ``data``."""
        bounds = np.array([self.validation_from, self.test_from], np.int64)
        return np.searchsorted(bounds, data.timestamps, side="right").astype(np.int8)


SplitRule = UserTimeSplit | GlobalTimeSplit
AnyRule = TypeVar("AnyRule", UserTimeSplit, GlobalTimeSplit)


@dataclass(frozen=True)
class Split:
    """Three parts of the same users and items: their indices mean the same in each.

    Attributes
    ----------
    rule : how they were made; with the data's fingerprint its ``identity`` names the split
    train, validation, test : each by user and time, ties in the order of the rule's shuffle
    counts : how much is in each, and what is new or left to chance in the test
    """

    rule: SplitRule
    train: MovieLens
    validation: MovieLens
    test: MovieLens
    counts: SplitCounts


def split(data: MovieLens, rule: SplitRule) -> Split:
    """``data`` split by ``rule``. Raises `DataError` where nothing is left to train on or to test."""
    ordered = shuffle_ties(data, rule.seed)
    parts = rule.parts(ordered)
    for part in (TRAIN, TEST):
        if not (parts == part).any():
            times = f", of {len(parts)} from {data.timestamps.min()} to {data.timestamps.max()}" if len(parts) else ""
            raise DataError(f"{data.name}, split by {rule.identity}: no rating is left to {PARTS[part]}{times}")
    chosen = (ordered.select(parts == part) for part in (TRAIN, VALIDATION, TEST))
    return Split(rule, *chosen, count(ordered, parts))


def shuffles(rule: AnyRule, number: int = 5) -> tuple[AnyRule, ...]:
    """The same rule with ``number`` shuffles of ties, from that of ``rule`` on."""
    return tuple(replace(rule, seed=rule.seed + each) for each in range(number))


def _check_shares(validation: float, test: float) -> None:
    if not (validation >= 0 and test > 0 and validation + test < 1):  # also refuses NaN
        raise RecommenderError(
            f"validation share {validation:g} and test share {test:g}, allowed: validation from 0, test above 0, "
            "together below 1"
        )


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise RecommenderError(f"seed of the ties is {seed}, allowed: from 0")
