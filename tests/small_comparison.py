"""Ratings of users with a taste, and small systems that tell what they were asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from gatewright.comparison.entry import Entry
from gatewright.models.data import MovieLens

FITTED: list[tuple[str, int]] = []
"""Names of the systems that were trained, and on how many ratings."""


@dataclass(frozen=True)
class _Scores:
    values: np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        return self.values[users]


@dataclass(frozen=True)
class Counts:
    """Popularity, times ``share``, and noise for the rest of it; the more ``share`` the better."""

    NAME: ClassVar[str] = "counts"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {"share": (0.0, 0.5, 1.0)}

    share: float = 1.0

    def fit(self, train: MovieLens) -> _Scores:
        FITTED.append((self.NAME, len(train.items)))
        counts = np.bincount(train.items, minlength=train.n_items)
        noise = np.random.default_rng(5).permutation(train.n_items)
        return _Scores(np.tile(self.share * counts + (1 - self.share) * noise, (train.n_users, 1)))


@dataclass(frozen=True)
class Chance:
    """An order drawn from ``seed``."""

    NAME: ClassVar[str] = "chance"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    seed: int = 0

    def fit(self, train: MovieLens) -> _Scores:
        FITTED.append((self.NAME, len(train.items)))
        return _Scores(np.random.default_rng(self.seed).random((train.n_users, train.n_items)))


@pytest.fixture
def fitted() -> Iterator[list[tuple[str, int]]]:
    FITTED.clear()
    yield FITTED
    FITTED.clear()


@pytest.fixture
def entries() -> tuple[Entry, Entry]:
    return Entry(Counts), Entry(Chance)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(rng: np.random.Generator) -> MovieLens:
    """40 users of 40 items, some far more popular than others; a user rates two items a second. The last two items are
    rated by one user each, last of all."""
    n_users, n_items, n = 40, 40, 12
    liked = 1 / (1 + np.arange(n_items - 2))
    items = np.array([rng.choice(n_items - 2, n, replace=False, p=liked / liked.sum()) for _ in range(n_users)])
    items[3, -1], items[4, -1] = n_items - 2, n_items - 1
    times = np.tile(np.arange(n) // 2, n_users).reshape(n_users, n)
    times[[3, 4], -1] += 1
    names = tuple(f"item {number}" for number in range(n_items))
    return MovieLens(
        "made for a test", np.arange(n_users), np.arange(n_items), names, names,
        np.repeat(np.arange(n_users, dtype=np.int32), n), items.reshape(-1).astype(np.int32),
        rng.integers(1, 6, n_users * n).astype(np.float32), times.reshape(-1).astype(np.int64),
    )  # fmt: skip
