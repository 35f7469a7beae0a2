"""What was rated at a time, by whomever: films come, are shown, and go out of fashion.

For a user of a moment, an item's popularity is the sum over all its ratings of exp(-distance in time / span). Moments
are months, so that what a request needs of it is one row of a table.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from gatewright.models.data import MovieLens
from gatewright.recommender.months import Months

__all__ = ["Eras"]

MONTH = 30 * 86400
SPAN = 6 * MONTH
MOST = 600  # rows of a table: half a century; of times further apart, which are no times of ratings, rows are longer
FEW = 0.1  # ratings: an item without any is as far below one of them as that below ten


@dataclass(frozen=True)
class Eras:
    """What was popular when.

    ``tables``: float32 [2, months, items], each row of mean 0 and variance 1: the logarithm of an item's popularity at
    the moment, and of its ratings at any time, which is the same in all rows.
    """

    months: Months
    tables: np.ndarray

    @classmethod
    def of(cls, train: MovieLens) -> "Eras":
        times = train.timestamps
        length = max(MONTH, int(times.max() - times.min()) // (MOST - 1) + 1)
        begin = int(times.min()) // length * length
        rows = (times - begin) // length
        size = int(rows.max()) + 1, train.n_items
        counts = sp.csr_matrix((np.ones(len(rows)), (rows, train.items)), shape=size)
        apart = np.abs(np.subtract.outer(np.arange(size[0]), np.arange(size[0]))) * length
        total = np.broadcast_to(np.asarray(counts.sum(axis=0)), size)
        lately = np.exp(-apart / SPAN) @ counts
        tables = np.stack([_standard(np.log(popularity + FEW)) for popularity in (lately, total)])
        return cls(Months(begin, length, size[0]), tables)


def _standard(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return (centred / np.where(deviation > 0, deviation, 1)).astype(np.float32)
