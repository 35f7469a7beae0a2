"""Ratings of a few users, as a list of item indices each, oldest first; or at random, of users with a taste."""

from collections.abc import Callable

import numpy as np
import pytest

from gatewright.models.data import MovieLens


def _ratings(histories: list[list[int]], n_items: int) -> MovieLens:
    items = np.array([item for history in histories for item in history], np.int32)
    users = np.repeat(np.arange(len(histories), dtype=np.int32), [len(history) for history in histories])
    names = tuple(f"item {n}" for n in range(n_items))
    return MovieLens(
        "made for a test", np.arange(len(histories)), np.arange(n_items), names, names,
        users, items, np.full(len(items), 3.5, np.float32), np.arange(len(items), dtype=np.int64),
    )  # fmt: skip


@pytest.fixture
def ratings() -> Callable[[list[list[int]], int], MovieLens]:
    return _ratings


@pytest.fixture
def tastes(rng: np.random.Generator) -> Callable[[int, int], MovieLens]:
    """Users who like one of four kinds of items, and rate these one after the other, but for one in ten."""

    def make(n_users: int, n_items: int) -> MovieLens:
        kinds = np.arange(n_items) % 4
        histories = []
        for user in range(n_users):
            likes = np.where(kinds == user % 4, 9.0, 1 / 3) * rng.random(n_items)
            histories.append(rng.permutation(np.argsort(-likes)[: n_items // 6]).tolist())
        return _ratings(histories, n_items)

    return make
