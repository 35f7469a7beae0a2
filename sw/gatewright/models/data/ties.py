"""Ratings that a user gave in one second, in an order that means nothing.

People rate a page of movies at once, so that many ratings share a second. What their order is by then decides which of
them are held out: an order by movie id, for example, holds out the newer movies, and favours whoever knows that. A
shuffle favours nobody, and several of them show how much of a figure is luck.
"""

import numpy as np

from gatewright.models.data.movielens import MovieLens

__all__ = ["shuffle_ties"]


def shuffle_ties(data: MovieLens, seed: int) -> MovieLens:
    """The same ratings by user and time, those of one user at one time in an order drawn from ``seed``.

    The order follows from the ratings and the seed alone, not from the order of ``data``, and is the same with every
    numpy: the raw numbers of a bit generator never change.
    """
    canonical = np.lexsort((data.items, data.timestamps, data.users))
    keys = np.random.PCG64(seed).random_raw(len(canonical))
    return data.select(canonical[np.lexsort((keys, data.timestamps[canonical], data.users[canonical]))])
