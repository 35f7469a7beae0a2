"""From columns of ids to index arrays in the order of time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gatewright.models.data.movielens import MovieLens

__all__ = ["assemble"]


def assemble(
    name: str, columns: Mapping[str, np.ndarray | Sequence[Any]], titles: Mapping[int, tuple[str, str]]
) -> MovieLens:
    """Index maps and time order; of several ratings of one movie by one user the latest counts.

    ``columns`` are ``userId``, ``movieId``, ``rating`` and ``timestamp`` of each rating in any order; ``titles`` are
    title and genres by movie id, of the rated movies at least. Of ratings at one time, that of the smaller movie id
    comes first; of one movie's, the last row counts.
    """
    user_ids, users = np.unique(np.asarray(columns["userId"], np.int64), return_inverse=True)
    movie_ids, items = np.unique(np.asarray(columns["movieId"], np.int64), return_inverse=True)
    timestamps = np.asarray(columns["timestamp"], np.int64)
    order = np.lexsort((items, timestamps, users))
    pairs = users[order].astype(np.int64) * len(movie_ids) + items[order]
    _, newest = np.unique(pairs[::-1], return_index=True)
    order = order[np.sort(len(order) - 1 - newest)]
    return MovieLens(
        name=name,
        user_ids=user_ids,
        movie_ids=movie_ids,
        titles=tuple(titles[movie][0] for movie in movie_ids.tolist()),
        genres=tuple(titles[movie][1] for movie in movie_ids.tolist()),
        users=users[order].astype(np.int32),
        items=items[order].astype(np.int32),
        ratings=np.asarray(columns["rating"], np.float32)[order],
        timestamps=timestamps[order],
    )
