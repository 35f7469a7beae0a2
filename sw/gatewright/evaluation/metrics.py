"""Metrics of one list each, vectorised over lists; all lie in 0 to 1, higher is better, ties as `ranks` says.

NDCG : K. Järvelin and J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002, with the
    discount 1 / log2(1 + position) of C. Burges et al., "Learning to Rank using Gradient Descent", ICML 2005
recall : relevant items within the first k over all relevant items
hit rate : 1 where any relevant item is within the first k (M. Deshpande and G. Karypis, "Item-based top-N
    recommendation algorithms", ACM TOIS 22(1), 2004)
reciprocal rank : 1 / position of the first relevant item in the whole list (E. Voorhees, "The TREC-8 Question Answering
    Track Report", 1999); its mean is MRR
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewright.evaluation.errors import EvaluationError
from gatewright.evaluation.ranks import Ranks
from gatewright.evaluation.scorer import Array, Index

__all__ = ["hit_rate", "ndcg", "recall", "reciprocal_rank"]


def ndcg(ranks: Ranks, k: int, gains: npt.NDArray[np.float64] | None = None) -> Array:
    """NDCG@k of each case, float64 [cases]; ``gains`` (float64 [relevant], above 0) are 1 without."""
    if gains is None:
        gains = np.ones(len(ranks.above))
    elif not (gains > 0).all():
        raise EvaluationError(f"gains must lie above 0, got {np.min(gains)}")
    discount = np.append(1 / np.log2(np.arange(2, _checked(k) + 2)), 0.0)
    best_first = np.lexsort((-gains, ranks.case))
    position = np.arange(len(gains)) - ranks.ptr[ranks.case]
    ideal = gains[best_first] * discount[np.minimum(position, k)]
    found = gains * _expected(ranks, discount[:k])
    total: Array = _per_case(ranks, found) / _per_case(ranks, ideal)
    return total


def recall(ranks: Ranks, k: int) -> Array:
    """Recall@k of each case, float64 [cases]."""
    found: Array = _per_case(ranks, _expected(ranks, np.ones(_checked(k)))) / np.diff(ranks.ptr)
    return found


def hit_rate(ranks: Ranks, k: int) -> Array:
    """HR@k of each case, float64 [cases]: with ties, the chance of a hit."""
    above, tied, relevant = _best_group(ranks)
    free = np.clip(_checked(k) - above, 0, tied)  # positions within the first k that the group shares
    missed = np.ones(ranks.n_cases)
    for taken in range(min(k, int(free.max(initial=0)))):  # each draws an irrelevant one of those that are left
        left = np.maximum(tied - taken, 1)
        missed *= np.where(taken < free, np.maximum(tied - relevant - taken, 0) / left, 1.0)
    return 1 - missed


def reciprocal_rank(ranks: Ranks) -> Array:
    """1 / position of the first relevant item of each case, float64 [cases]: with ties, its expectation."""
    above, tied, relevant = _best_group(ranks)
    found: Array = 1 / (above + 1.0)
    for case in np.flatnonzero(tied > relevant):
        # Of t tied items r are relevant. The first of these comes j-th where j - 1 irrelevant ones were drawn before.
        t, r = int(tied[case]), int(relevant[case])
        drawn = np.arange(t - r + 1)
        irrelevant_before = np.concatenate([[1.0], np.cumprod((t - r - drawn[:-1]) / (t - drawn[:-1]))])
        first = irrelevant_before * r / (t - drawn)
        found[case] = (first / (above[case] + 1 + drawn)).sum()
    return found


def _checked(k: int) -> int:
    if k < 1:
        raise EvaluationError(f"k, the length of the lists that count, must be at least 1, got {k}")
    return k


def _expected(ranks: Ranks, weights: Array) -> Array:
    """The mean of ``weights`` [k] over the positions that each relevant item may have; 0 from position k + 1 on."""
    until = np.concatenate([[0.0], np.cumsum(weights)])
    k = len(weights)
    last, first = np.minimum(ranks.above + ranks.tied, k), np.minimum(ranks.above, k)
    mean: Array = (until[last] - until[first]) / ranks.tied
    return mean


def _per_case(ranks: Ranks, values: Array) -> Array:
    return np.bincount(ranks.case, values, minlength=ranks.n_cases).astype(np.float64)  # no sums have no type


def _best_group(ranks: Ranks) -> tuple[Index, Index, Index]:
    """Of each case's relevant items with the highest score: how many items stand above, share it, are relevant."""
    if not ranks.n_cases:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    above = np.minimum.reduceat(ranks.above, ranks.ptr[:-1])
    best = ranks.above == above[ranks.case]
    tied = np.maximum.reduceat(np.where(best, ranks.tied, 0), ranks.ptr[:-1])
    return above, tied, np.bincount(ranks.case[best], minlength=ranks.n_cases)
