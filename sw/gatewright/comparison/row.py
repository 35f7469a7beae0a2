"""A row: one system, tuned on one split, trained from one seed, measured by every protocol. Kept, and measured once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from gatewright.cache import cached_directory, digest
from gatewright.comparison.plan import Entry
from gatewright.comparison.protocols import Protocols
from gatewright.evaluation.quality import Quality
from gatewright.files import read_npz
from gatewright.models.baselines.system import System
from gatewright.models.baselines.tune import joined, tune
from gatewright.models.data import MovieLens
from gatewright.models.data.splits import Split, SplitRule, split
from gatewright.models.sources import code_version
from gatewright.models.train import Progress

__all__ = ["Row", "Splits", "measured"]

SOURCES = ("comparison/protocols", "comparison/row", "evaluation", "models", "recommender/texts")
"""The source files, and folders of them, that a row depends on."""


@dataclass(frozen=True)
class Row:
    """What was found.

    Attributes
    ----------
    system, shuffle, seed : which; the seed is None for a system without one
    options : of the grid that were chosen, of ``trials`` sets of them; others are the system's own
    validation : NDCG@10 of the full ranking that they reached there
    fit_seconds : of the training for the test; measured where the row was first made
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
    """The splits of a data set, the last one kept, with its protocols."""

    data: MovieLens
    k: int

    def __post_init__(self) -> None:
        self._last: tuple[SplitRule, Split, Protocols] | None = None

    def at(self, rule: SplitRule) -> tuple[Split, Protocols]:
        if self._last is None or self._last[0] != rule:
            parts = split(self.data, rule)
            self._last = rule, parts, Protocols.of(parts, self.k)
        return self._last[1:]


def measured(entry: Entry, splits: Splits, rule: SplitRule, seed: int | None, progress: Progress | None = None) -> Row:
    """The row of ``entry`` on the split by ``rule`` with training seed ``seed``, from the cache where it is there.

    Raises what the system raises, and `ScoreError`.
    """
    key = _key(entry, splits.data, rule)
    folder = cached_directory("tuned", key, lambda path: _tune(entry, splits.at(rule)[0], path, progress))
    tuned = json.loads((folder / "tuned.json").read_text())
    options = {**tuned["options"], **({} if seed is None else {"seed": seed})}
    row_key = digest(key, json.dumps(options, sort_keys=True), str(splits.k))
    folder = cached_directory("rows", row_key, lambda path: _measure(entry.kind(**options), *splits.at(rule), path))
    arrays, told = read_npz(folder / "found.npz"), json.loads((folder / "row.json").read_text())
    found = {name: _quality(arrays, number, splits.k, metrics) for number, (name, metrics) in enumerate(told["found"])}
    fit_seconds, validation = told["fit_seconds"], tuned["validation"]
    return Row(entry.name, rule.seed, seed, tuned["options"], tuned["trials"], validation, fit_seconds, found)


def _key(entry: Entry, data: MovieLens, rule: SplitRule) -> str:
    """Everything that decides which options are chosen."""
    kind = entry.kind
    what = [kind.__module__, kind.__qualname__, repr(kind()), repr(kind.GRID), entry.budget]
    versions = torch.__version__, np.__version__, code_version(*SOURCES)
    return digest(data.fingerprint, rule.identity, json.dumps(what), *versions)


def _tune(entry: Entry, parts: Split, folder: Path, progress: Progress | None) -> None:
    tuned = tune(entry.kind, parts, budget=entry.budget, progress=progress)
    best = max(trial.validation for trial in tuned.trials)
    chosen = {name: getattr(tuned.system, name) for name in entry.kind.GRID}
    told = {"options": chosen, "trials": len(tuned.trials), "validation": best}
    (folder / "tuned.json").write_text(json.dumps({**told, "tried": [asdict(trial) for trial in tuned.trials]}))


def _measure(system: System, parts: Split, protocols: Protocols, folder: Path) -> None:
    begin = perf_counter()
    scorer = system.fit(joined(parts.train, parts.validation))
    seconds = perf_counter() - begin
    found = protocols.measure(scorer, system.NAME)
    arrays = {
        f"{number}/{name}": values
        for number, quality in enumerate(found.values())
        for name, values in {"users": quality.users, **quality.values}.items()
    }
    np.savez(folder / "found.npz", **arrays)
    metrics = [(name, list(quality.values)) for name, quality in found.items()]
    (folder / "row.json").write_text(json.dumps({"fit_seconds": seconds, "found": metrics}))


def _quality(arrays: Mapping[str, Any], number: int, k: int, metrics: list[str]) -> Quality:
    return Quality(k, arrays[f"{number}/users"], {name: arrays[f"{number}/{name}"] for name in metrics})
