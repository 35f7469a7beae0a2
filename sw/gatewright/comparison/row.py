"""A row: one system, tuned on one split, trained from one seed, measured by every protocol. Kept, and measured once.

So is each trial of its tuning: a comparison that is broken off loses the one training that it is in, and a larger
budget takes what a smaller one has tried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from gatewright.cache import cached_directory, digest
from gatewright.comparison.entry import Entry
from gatewright.comparison.protocols import Protocols
from gatewright.evaluation.quality import Quality
from gatewright.files import read_npz
from gatewright.models.baselines.system import System
from gatewright.models.baselines.tune import Trial, joined, tune
from gatewright.models.data import MovieLens
from gatewright.models.data.splits import Split, SplitRule, split
from gatewright.models.determinism import deterministic
from gatewright.progress import Progress
from gatewright.sources import source_version

__all__ = ["Part", "Row", "Splits", "kept_quality", "measured", "result_of", "save_quality"]


class Part(Enum):
    """What is held out of a split."""

    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class Row:
    """What was found.

    Attributes
    ----------
    system, shuffle, seed : which; the seed is None for a system without one
    options : of the grid that were chosen, of ``trials`` sets of them; others are the system's own
    validation : NDCG@10 of the full ranking that they reached there
    fit_seconds : of the processor, for the training for the test; measured where the row was first made
    found : by protocol
    """

    system: str
    shuffle: int
    seed: int | None
    options: Mapping[str, Any]
    trials: int
    validation: float
    fit_seconds: float
    found: Mapping[str, Quality]


@dataclass
class Splits:
    """The splits of a data set, the last one kept, with the protocols of its test."""

    data: MovieLens
    k: int

    def __post_init__(self) -> None:
        self._last: tuple[SplitRule, Split, Protocols] | None = None

    def at(self, rule: SplitRule) -> tuple[Split, Protocols]:
        if self._last is None or self._last[0] != rule:
            parts = split(self.data, rule)
            self._last = rule, parts, Protocols.of(joined(parts.train, parts.validation), parts.test, self.k)
        return self._last[1:]

    def asked(self, rule: SplitRule, part: Part) -> tuple[MovieLens, Protocols]:
        """What a system learns before it is asked for ``part``, and how it is asked."""
        parts, protocols = self.at(rule)
        if part is Part.TEST:
            return joined(parts.train, parts.validation), protocols
        return parts.train, Protocols.of(parts.train, parts.validation, self.k)


def measured(entry: Entry, splits: Splits, rule: SplitRule, seed: int | None, progress: Progress | None = None) -> Row:
    """The row of ``entry`` on the split by ``rule`` with training seed ``seed``, from the cache where it is there.

    Raises what the system raises, and `ScoreError`.
    """
    parts, _ = splits.at(rule)

    def keep(system: System, attempt: Callable[[], Trial]) -> Trial:
        return _kept_trial(system, splits, rule, attempt)

    tuned = tune(entry.kind, parts, budget=entry.budget, progress=progress, keep=keep)
    chosen = {name: getattr(tuned.system, name) for name in entry.kind.GRID}
    system = entry.kind(**chosen, **({} if seed is None else {"seed": seed}))
    best = max(trial.validation for trial in tuned.trials)
    return Row(entry.name, rule.seed, seed, chosen, len(tuned.trials), best, *result_of(system, splits, rule))


def result_of(
    system: System, splits: Splits, rule: SplitRule, part: Part = Part.TEST
) -> tuple[float, dict[str, Quality]]:
    """``system`` as it is: the processor's seconds of its training, and what each protocol found on ``part``. From the
    cache where it is there."""

    def make(folder: Path) -> None:
        seen, protocols = splits.asked(rule, part)
        begin = process_time()
        with deterministic():
            scorer = system.fit(seen)
        seconds = process_time() - begin
        names = save_quality(folder, protocols.measure(scorer, system.NAME))
        (folder / "row.json").write_text(json.dumps({"fit_seconds": seconds, "found": names}))

    key = digest(_key(system, splits.data, rule), str(splits.k), part.value)
    folder = cached_directory("rows", key, make)
    told = json.loads((folder / "row.json").read_text())
    return told["fit_seconds"], kept_quality(folder, told["found"], splits.k)


def _kept_trial(system: System, splits: Splits, rule: SplitRule, make: Callable[[], Trial]) -> Trial:
    def write(folder: Path) -> None:
        with deterministic():
            trial = make()
        (folder / "trial.json").write_text(json.dumps(asdict(trial)))

    folder = cached_directory("trials", _key(system, splits.data, rule), write)
    return Trial(**json.loads((folder / "trial.json").read_text()))


def _key(system: System, data: MovieLens, rule: SplitRule) -> str:
    """Everything that decides about what a system learns and how it is measured, but for the length of lists."""
    kind = type(system)
    sources = source_version(kind.__module__, __name__)
    return digest(data.fingerprint, rule.identity, f"{kind.__module__} {system!r}", sources)


def save_quality(folder: Path, found: Mapping[str, Quality]) -> list[tuple[str, list[str]]]:
    """Write ``found`` to a file of ``folder``; the names and metrics that `kept_quality` finds it by, for JSON."""
    arrays = {
        f"{number}/{name}": values
        for number, quality in enumerate(found.values())
        for name, values in {"users": quality.users, **quality.values}.items()
    }
    np.savez(folder / "found.npz", **arrays)
    return [(name, list(quality.values)) for name, quality in found.items()]


def kept_quality(folder: Path, names: list[tuple[str, list[str]]], k: int) -> dict[str, Quality]:
    """What `save_quality` wrote there, of lists of length ``k``."""
    arrays = read_npz(folder / "found.npz")
    return {
        name: Quality(k, arrays[f"{number}/users"], {metric: arrays[f"{number}/{metric}"] for metric in metrics})
        for number, (name, metrics) in enumerate(names)
    }
