"""What a protocol finds about one system: a number for each user and metric, and their summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from gatewright.evaluation.errors import EvaluationError
from gatewright.evaluation.metrics import hit_rate, ndcg, recall, reciprocal_rank
from gatewright.evaluation.ranks import Ranks
from gatewright.evaluation.scorer import Array, Index
from gatewright.evaluation.statistics import Interval, bootstrap

__all__ = ["METRICS", "Quality", "as_json", "averaged"]

METRICS: dict[str, Callable[[Ranks, int], Array]] = {
    "ndcg": ndcg,
    "recall": recall,
    "hit_rate": hit_rate,
    "mrr": lambda ranks, _: reciprocal_rank(ranks),
}


@dataclass(frozen=True)
class Quality:
    """One protocol's metrics of one system.

    Attributes
    ----------
    k : length of the lists that count; MRR looks at whole ones
    users : int64 [users], the indices of those that something was held out of
    values : float64 [users] by metric
    """

    k: int
    users: Index
    values: dict[str, Array]

    @classmethod
    def of(cls, ranks: Ranks, users: Index, k: int) -> Quality:
        """Of cases that belong to ``users`` (int64 [cases], ascending); those of one user are averaged."""
        own, case = np.unique(users, return_inverse=True)
        count = np.bincount(case, minlength=len(own))
        found = {name: np.bincount(case, of(ranks, k), minlength=len(own)) / count for name, of in METRICS.items()}
        return cls(k, own, found)

    def mean(self, metric: str) -> float | None:
        """Over users; None without any."""
        return float(self.values[metric].mean()) if len(self.users) else None

    def interval(self, metric: str, seed: int = 0) -> Interval | None:
        """The mean with its 95 % bootstrap interval; None with fewer than two users, who say nothing about others."""
        return bootstrap(self.values[metric], seed=seed) if len(self.users) > 1 else None


def averaged(seeds: Sequence[Quality]) -> Quality:
    """Of one system trained from several seeds, the mean of each user's metrics over them: what `compare` is to see.

    How far the seeds lie apart, `spread` says of their means. Raises `EvaluationError` for other users or another k.
    """
    if not seeds or any(each.k != seeds[0].k or not np.array_equal(each.users, seeds[0].users) for each in seeds):
        raise EvaluationError(f"an average over seeds needs the same users and k from each, got {len(seeds)} results")
    means = {metric: np.mean([each.values[metric] for each in seeds], axis=0) for metric in seeds[0].values}
    return Quality(seeds[0].k, seeds[0].users, means)


def as_json(found: Any) -> Any:
    """A result in JSON's types: dataclasses by field, arrays as lists, and null for what is not a finite number."""
    if is_dataclass(found) and not isinstance(found, type):
        return {field.name: as_json(getattr(found, field.name)) for field in fields(found)}
    if isinstance(found, dict):
        return {str(name): as_json(value) for name, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [as_json(value) for value in found]
    if isinstance(found, (np.ndarray, np.generic)):
        return as_json(found.tolist())
    if isinstance(found, float) and not np.isfinite(found):
        return None
    return found
