"""Ranking quality on held-out ratings: NDCG@k and Recall@k, each averaged over the users that have any."""

from dataclasses import dataclass

import numpy as np

from gatewright.models.data import MovieLens

__all__ = ["Quality", "popularity_scores", "rank_quality"]


@dataclass(frozen=True)
class Quality:
    """Mean NDCG@k and Recall@k over ``users`` users; both lie in 0 to 1, higher is better."""

    ndcg: float
    recall: float
    users: int
    k: int = 10


def rank_quality(scores: np.ndarray, users: np.ndarray, seen: MovieLens, held_out: MovieLens, k: int = 10) -> Quality:
    """Quality of ``scores`` (float [len(users), items]) with the movies of ``seen`` removed from the ranking.

    Where there are fewer than ``k`` movies, all of them are ranked; without any held-out rating both means are 0.
    NDCG is of K. Järvelin and J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002, with gain 1.
    """
    scores = scores.astype(np.float32, copy=True)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)
    ndcg, recall = [], []
    for row, user in enumerate(users):
        relevant = held_out.items[held_out.user_ptr[user] : held_out.user_ptr[user + 1]]
        if len(relevant) == 0:
            continue
        scores[row, seen.items[seen.user_ptr[user] : seen.user_ptr[user + 1]]] = -np.inf
        top = np.argpartition(-scores[row], min(k, scores.shape[1] - 1))[:k]
        top = top[np.argsort(-scores[row, top], kind="stable")]
        hits = np.isin(top, relevant)
        ndcg.append((hits * discount[: len(hits)]).sum() / ideal[min(k, len(relevant)) - 1])
        recall.append(hits.sum() / len(relevant))
    count = max(len(ndcg), 1)
    return Quality(float(sum(ndcg) / count), float(sum(recall) / count), len(ndcg), k)


def popularity_scores(data: MovieLens, n_rows: int) -> np.ndarray:
    """The baseline: every user gets the movies in order of their number of ratings. float32 [n_rows, items]."""
    return np.tile(np.bincount(data.items, minlength=data.n_items).astype(np.float32), (n_rows, 1))
