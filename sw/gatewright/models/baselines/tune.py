"""Options chosen on validation with the same budget for every system; then the test is looked at, once."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from time import process_time
from typing import Any, Protocol

import numpy as np

from gatewright.evaluation.protocols import FullRanking
from gatewright.evaluation.scorer import Scorer
from gatewright.models.baselines.system import System
from gatewright.models.data import MovieLens
from gatewright.progress import Progress

__all__ = ["BUDGET", "Parts", "Trial", "Tuned", "attempt", "joined", "trials", "tune"]

BUDGET = 24


class Parts(Protocol):
    """Training, validation and test ratings of the same users and items, such as a `Split`."""

    @property
    def train(self) -> MovieLens: ...
    @property
    def validation(self) -> MovieLens: ...
    @property
    def test(self) -> MovieLens: ...


@dataclass(frozen=True)
class Trial:
    """One set of options, the metric it reached on validation, and the processor's seconds that fitting took."""

    options: dict[str, Any]
    validation: float
    seconds: float


@dataclass(frozen=True)
class Tuned:
    """A system with the best options of its ``trials``, all in the order of trying."""

    name: str
    system: System
    metric: str
    trials: tuple[Trial, ...]

    def for_test(self, parts: Parts) -> Scorer:
        """Learnt from training and validation together, as it would be in service on the day of the test."""
        return self.system.fit(joined(parts.train, parts.validation))


def tune(
    kind: type[System],
    parts: Parts,
    *,
    budget: int = BUDGET,
    seed: int = 0,
    metric: str = "ndcg",
    progress: Progress | None = None,
    keep: Callable[[System, Callable[[], Trial]], Trial] = lambda system, make: make(),
) -> Tuned:
    """The options of ``kind`` with the highest ``metric`` (full ranking, of the first ten) on ``parts.validation``.

    At most ``budget`` points of its grid are tried, of equals the first wins; the test is never looked at. ``keep`` is
    asked for each trial, and makes those that it does not have yet. Raises `ScoreError` for one whose scores hold NaN.
    """
    systems = [kind(**options) for options in trials(kind, budget, seed)]
    found = []
    for done, system in enumerate(systems):
        if progress:
            progress(kind.NAME, done, len(systems))
        found.append(keep(system, partial(attempt, system, parts, metric)))
    best = max(range(len(found)), key=lambda n: found[n].validation)
    return Tuned(kind.NAME, systems[best], metric, tuple(found))


def attempt(system: System, parts: Parts, metric: str = "ndcg") -> Trial:
    """``system`` learnt from ``parts.train``, and its ``metric`` on ``parts.validation``."""
    begin = process_time()
    scorer = system.fit(parts.train)
    seconds = process_time() - begin
    protocol = FullRanking(parts.train, parts.validation)
    reached = protocol.measure(scorer, f"{system.NAME} with {asdict(system)}").all.mean(metric)
    return Trial(asdict(system), reached or 0.0, seconds)


def trials(kind: type[System], budget: int = BUDGET, seed: int = 0) -> list[dict[str, Any]]:
    """Points of ``kind``'s grid: all, or where there are more than ``budget`` that many, drawn without replacement.

    Those of a smaller budget are among those of a larger one.
    """
    points = [dict(zip(kind.GRID, values, strict=True)) for values in product(*kind.GRID.values())]
    if len(points) <= budget:
        return points
    chosen = np.random.default_rng(seed).permutation(len(points))[:budget]
    return [points[n] for n in np.sort(chosen)]


def joined(earlier: MovieLens, later: MovieLens) -> MovieLens:
    """The ratings of both, of the same users and items, each user's in order of time; ties in the order given."""
    columns = ("users", "items", "ratings", "timestamps")
    both = {name: np.concatenate([getattr(part, name) for part in (earlier, later)]) for name in columns}
    order = np.lexsort((both["timestamps"], both["users"]))
    return replace(earlier, **{name: values[order] for name, values in both.items()})
