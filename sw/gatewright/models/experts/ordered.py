"""Experts on the order in which users rate: what was rated near an item, and what came after it.

Both are graphs from items to items, whose edges are counted over all users, and weighed by the distance in positions
(`co_ratings`). Their strongest singular directions keep what many users agree on, and make of a graph with millions of
edges two short vectors an item, as O. Levy and Y. Goldberg found of words ("Neural Word Embedding as Implicit Matrix
Factorization", NeurIPS 2014). Square roots of the edges hold the heaviest ones down.
"""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from gatewright.models.baselines.co_rating import co_ratings, followers
from gatewright.models.data import MovieLens
from gatewright.models.experts.expert import Expert
from gatewright.models.experts.kept import kept_vectors

__all__ = ["followed", "together"]

SHRINKAGE = 10.0


def together(train: MovieLens, reach: float, half_life: float, width: int) -> Expert:
    """What users rate near each other, whichever comes first."""
    return _expert("together", co_ratings, train, reach, half_life, width)


def followed(train: MovieLens, reach: float, half_life: float, width: int) -> Expert:
    """What users rate after what they have rated."""
    return _expert("followed", followers, train, reach, half_life, width)


def _expert(
    name: str,
    graph: Callable[[MovieLens, int, float], sp.csr_matrix],
    train: MovieLens,
    reach: float,
    half_life: float,
    width: int,
) -> Expert:
    def make() -> tuple[np.ndarray, np.ndarray]:
        count = np.bincount(train.items, minlength=train.n_items)
        scale = sp.diags(1 / np.sqrt(count + SHRINKAGE))
        left, strength, right = _strongest((scale @ graph(train, window(reach), reach) @ scale).sqrt(), width)
        return left * strength, right.T

    return Expert.of(name, half_life, *kept_vectors(train, f"{name}, reach {reach}, width {width}", make))


def window(reach: float) -> int:
    """Positions after which a pair counts less than a sixteenth."""
    return max(1, int(4 * reach))


def _strongest(matrix: sp.csr_matrix, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest singular values and their vectors; the signs and the order of the vectors mean nothing."""
    size = min(matrix.shape)
    if width >= size // 2:  # the iterative method is for few of many
        left, strength, right = np.linalg.svd(matrix.toarray())
        return left[:, :width], strength[:width], right[:width]
    start = np.random.default_rng(0).normal(size=size)
    left, strength, right = svds(matrix.astype(np.float32), width, v0=start.astype(np.float32))
    return left, strength, right
