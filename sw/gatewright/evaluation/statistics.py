"""How sure a mean over users is, and whether one system is better than another on the same users.

Users are the sample: intervals and tests tell what other users of the same kind would give. What another training seed
gives is apart from that: :func:`spread`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewright.evaluation.errors import EvaluationError
from gatewright.evaluation.scorer import Array

__all__ = [
    "Comparison",
    "Interval",
    "Spread",
    "bootstrap",
    "compare",
    "holm",
    "paired_bootstrap",
    "permutation_test",
    "spread",
]

RESAMPLES = 10_000
AT_ONCE = 1 << 21  # random numbers in memory at a time


@dataclass(frozen=True)
class Interval:
    """A mean over users, and where it lies with probability ``level``."""

    mean: float
    low: float
    high: float
    users: int
    level: float


@dataclass(frozen=True)
class Comparison:
    """Whether ``better`` is better than ``than``: ``difference`` of their means, ``relative`` to that of ``than``.

    ``p`` is two-sided, ``p_holm`` the same corrected for all comparisons that were made together.
    """

    better: str
    than: str
    difference: Interval
    relative: float | None
    p: float
    p_holm: float

    @property
    def shown(self) -> bool:
        """The whole interval lies above zero, and the corrected test agrees."""
        return self.difference.low > 0 and self.p_holm < 1 - self.difference.level


@dataclass(frozen=True)
class Spread:
    """Mean of a result over training seeds, standard deviation (n - 1) and extremes; one seed has no deviation."""

    mean: float
    deviation: float | None
    least: float
    most: float
    seeds: int


def bootstrap(values: npt.ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES, level: float = 0.95) -> Interval:
    """Percentile interval of the mean of ``values`` (one a user), users drawn with replacement.

    B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. Raises `EvaluationError` with
    fewer than two users, who say nothing about others, and for values that are not finite.
    """
    sample = _sample(values)
    rng = np.random.default_rng(seed)
    step = max(1, AT_ONCE // len(sample))
    means = np.concatenate([
        sample[rng.integers(len(sample), size=(min(step, resamples - start), len(sample)))].mean(axis=1)
        for start in range(0, resamples, step)
    ])  # fmt: skip
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(sample.mean()), float(low), float(high), len(sample), level)


def paired_bootstrap(
    better: npt.ArrayLike, than: npt.ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES, level: float = 0.95
) -> Interval:
    """Interval of the mean difference of two systems on the same users, in the same order."""
    return bootstrap(_differences(better, than), seed=seed, resamples=resamples, level=level)


def permutation_test(better: npt.ArrayLike, than: npt.ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """Two-sided p of Fisher's paired randomisation test: were the systems alike, each difference's sign were a coin's.

    All signs are tried where there are at most ``resamples`` of them, else as many random ones, with the observed one
    among them so that p is never 0. It assumes nothing of how the differences are spread, and is recommended over
    Wilcoxon's test for means (M. Smucker, J. Allan and B. Carterette, "A comparison of statistical significance tests
    for information retrieval evaluation", CIKM 2007).
    """
    differences = _differences(better, than)
    differences = differences[differences != 0]  # their sign changes nothing
    n = len(differences)
    observed = abs(differences.sum()) - 1e-12 * np.abs(differences).sum()  # equal sums may round apart
    if 2**n <= resamples:
        signs = 1.0 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
        return float((np.abs(signs @ differences) >= observed).mean())
    rng = np.random.default_rng(seed)
    step = max(1, AT_ONCE // n)
    extreme = 1
    for start in range(0, resamples, step):
        signs = 1.0 - 2 * rng.integers(2, size=(min(step, resamples - start), n), dtype=np.int8)
        extreme += int((np.abs(signs @ differences) >= observed).sum())
    return extreme / (resamples + 1)


def holm(p: npt.ArrayLike) -> Array:
    """p of several tests, corrected so that the chance of any false finding stays below the level.

    The step-down procedure of S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
    of Statistics 6(2), 1979.
    """
    values = np.asarray(p, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise EvaluationError(f"a p lies from 0 to 1, got {values.tolist()}")
    order = np.argsort(values, kind="stable")
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1)
    return corrected


def compare(
    values: Mapping[str, npt.ArrayLike], pairs: Sequence[tuple[str, str]], *, seed: int = 0
) -> list[Comparison]:
    """Each (better, than) of ``pairs``, by name in ``values``, which hold one number a user; corrected together."""
    p = [permutation_test(values[better], values[than], seed=seed) for better, than in pairs]
    found = []
    for (better, than), raw, corrected in zip(pairs, p, holm(p), strict=True):
        difference = paired_bootstrap(values[better], values[than], seed=seed)
        base = float(np.asarray(values[than], np.float64).mean())
        relative = difference.mean / base if base else None
        found.append(Comparison(better, than, difference, relative, raw, float(corrected)))
    return found


def spread(values: npt.ArrayLike) -> Spread:
    """Of one result a seed; raises `EvaluationError` without any."""
    sample = np.asarray(values, np.float64)
    if not sample.size or not np.isfinite(sample).all():
        raise EvaluationError(f"a spread needs one finite result a seed, got {sample.tolist()}")
    deviation = float(sample.std(ddof=1)) if len(sample) > 1 else None
    return Spread(float(sample.mean()), deviation, float(sample.min()), float(sample.max()), len(sample))


def _sample(values: npt.ArrayLike) -> Array:
    sample = np.asarray(values, np.float64)
    if sample.ndim != 1 or len(sample) < 2 or not np.isfinite(sample).all():
        raise EvaluationError(
            f"an interval needs one finite number for each of at least two users, got shape {sample.shape}, "
            f"{np.isfinite(sample).sum()} finite"
        )
    return sample


def _differences(better: npt.ArrayLike, than: npt.ArrayLike) -> Array:
    first, second = np.asarray(better, np.float64), np.asarray(than, np.float64)
    if first.shape != second.shape:
        raise EvaluationError(f"a pair needs the same users, got {len(first)} and {len(second)}")
    return _sample(first - second)
