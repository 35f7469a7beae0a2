"""What a split holds: sizes of its parts, what the test has that training never saw, and what chance decides."""

from dataclasses import dataclass

import numpy as np

from gatewright.models.data.movielens import MovieLens

__all__ = ["PARTS", "TEST", "TRAIN", "VALIDATION", "PartCounts", "SplitCounts", "count"]

TRAIN, VALIDATION, TEST = range(3)
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class PartCounts:
    """Ratings of one part, and the users and items that they are by and of."""

    users: int
    items: int
    ratings: int


@dataclass(frozen=True)
class SplitCounts:
    """Sizes of the parts, and what makes the test hard or uncertain.

    Attributes
    ----------
    cold_users, cold_items : users and items of the test without a rating in training
    cold_user_ratings, cold_item_ratings : ratings of the test by those users, and of those items
    users_decided_by_tie : users of whom two parts hold ratings of the same second, so that the shuffle of ties decides
        which part holds which
    """

    train: PartCounts
    validation: PartCounts
    test: PartCounts
    cold_users: int
    cold_items: int
    cold_user_ratings: int
    cold_item_ratings: int
    users_decided_by_tie: int


def count(data: MovieLens, parts: np.ndarray) -> SplitCounts:
    """Counts of ``data`` by ``parts`` (int8 [ratings], of `TRAIN`, `VALIDATION`, `TEST`), ordered by user and time."""
    sizes = (
        PartCounts(len(np.unique(data.users[mask])), len(np.unique(data.items[mask])), int(mask.sum()))
        for mask in (parts == part for part in range(len(PARTS)))
    )
    cold_users, cold_user_ratings = _cold(data.users, parts)
    cold_items, cold_item_ratings = _cold(data.items, parts)
    tied = (np.diff(data.users) == 0) & (np.diff(data.timestamps) == 0) & (np.diff(parts) != 0)
    decided = len(np.unique(data.users[1:][tied]))
    return SplitCounts(*sizes, cold_users, cold_items, cold_user_ratings, cold_item_ratings, decided)


def _cold(index: np.ndarray, parts: np.ndarray) -> tuple[int, int]:
    """How many of the test's indices are not in training, and how many of its ratings have those."""
    new = index[parts == TEST]
    new = new[~np.isin(new, index[parts == TRAIN])]
    return len(np.unique(new)), len(new)
