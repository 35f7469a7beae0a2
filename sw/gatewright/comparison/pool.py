"""Rows of one system become one figure: means over users, and how far shuffles and seeds lie apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gatewright.comparison.row import Row
from gatewright.evaluation.errors import EvaluationError
from gatewright.evaluation.quality import Quality
from gatewright.evaluation.statistics import Interval, Spread, spread

__all__ = ["Cell", "cell", "pooled"]


@dataclass(frozen=True)
class Cell:
    """One metric of one system by one protocol.

    Attributes
    ----------
    mean : over users, of each user's mean over shuffles and seeds
    interval : of that mean, users drawn anew; None with fewer than two users
    shuffles : of the means of all seeds, over shuffles; seeds : of the means of all shuffles, over training seeds. None
        where that has no part in it
    """

    system: str
    protocol: str
    metric: str
    users: int
    mean: float
    interval: Interval | None
    shuffles: Spread | None
    seeds: Spread | None


def pooled(found: Sequence[Quality]) -> Quality:
    """Each user's mean over those of ``found`` that have the user, of the same metrics and k.

    Where shuffles decide which users have a cold item held out, not all have the same. Raises `EvaluationError` for
    nothing, other metrics or another k.
    """
    if not found or any((each.k, set(each.values)) != (found[0].k, set(found[0].values)) for each in found):
        raise EvaluationError(f"results to pool need the same metrics and k, got {len(found)}")
    users, place = np.unique(np.concatenate([each.users for each in found]), return_inverse=True)
    count = np.bincount(place, minlength=len(users))
    means = {
        metric: np.bincount(place, np.concatenate([each.values[metric] for each in found]), len(users)) / count
        for metric in found[0].values
    }
    return Quality(found[0].k, users, means)


def cell(rows: Sequence[Row], protocol: str, metric: str) -> Cell | None:
    """Of one system's rows; None where nobody was asked."""
    whole = pooled([row.found[protocol] for row in rows])
    mean = whole.mean(metric)
    if mean is None:
        return None
    by_shuffle = _means(rows, protocol, metric, [row.shuffle for row in rows])
    by_seed = _means(rows, protocol, metric, [row.seed for row in rows])
    return Cell(
        rows[0].system, protocol, metric, len(whole.users), mean, whole.interval(metric),
        spread(by_shuffle) if len(by_shuffle) > 1 else None,
        spread(by_seed) if rows[0].seed is not None and by_seed else None,
    )  # fmt: skip


def _means(rows: Sequence[Row], protocol: str, metric: str, groups: Iterable[int | None]) -> list[float]:
    """Of each group, the mean of its rows' means."""
    found: dict[int | None, list[float]] = {}
    for row, group in zip(rows, groups, strict=True):
        mean = row.found[protocol].mean(metric)
        if mean is not None:
            found.setdefault(group, []).append(mean)
    return [float(np.mean(means)) for means in found.values()]
