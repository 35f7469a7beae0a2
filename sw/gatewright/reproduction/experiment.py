"""A way to train or to run the recommender as lines of the table: an experiment, made once and kept.

A new one is a class like a `System`, whose fields are its options, and an entry in `scope`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from gatewright.cache import cache_dir, cached_directory, digest
from gatewright.comparison.row import Splits, kept_quality, save_quality
from gatewright.evaluation.quality import Quality
from gatewright.models.data.splits import Split, SplitRule
from gatewright.progress import Progress
from gatewright.sources import PROGRAM_ROOMS, source_version

__all__ = ["Experiment", "Finding", "Latency", "Line", "Setting", "found"]

SOURCES = (*PROGRAM_ROOMS, "gatewright.reproduction", "gatewright_hw", "gatewright_sim")
"""Packages whose code decides what an experiment finds."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds of ``requests`` requests: their median and the upper percentiles. ``how`` they were found."""

    p50: float
    p95: float
    p99: float
    requests: int
    how: str

    @classmethod
    def of(cls, milliseconds: list[float], how: str) -> Latency:
        return cls(*(float(np.percentile(milliseconds, p)) for p in (50, 95, 99)), len(milliseconds), how)


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes
    ----------
    quality : of each user of the test who was asked, full ranking; None where only time is measured
    against : the line that it is held against, on the same users; empty for none
    seconds : of the processor, for training; None where nothing is trained
    facts : what else is to be said of it, by what it is called
    """

    name: str
    quality: Quality | None = None
    against: str = ""
    seconds: float | None = None
    latency: Latency | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """``lines`` of the table; ``pictured`` is of JSON's types, for pictures."""

    lines: tuple[Line, ...]
    pictured: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """Where an experiment takes place.

    Attributes
    ----------
    splits, rule : the data, and the split of it
    folder : for checkpoints: an experiment that was killed finds there what it left; None while it is only prepared
    """

    splits: Splits
    rule: SplitRule
    folder: Path | None = None
    progress: Progress | None = None

    @property
    def parts(self) -> Split:
        return self.splits.at(self.rule)[0]

    def say(self, stage: str, done: int, total: int) -> None:
        if self.progress:
            self.progress(stage, done, total)


class Experiment(Protocol):
    """A frozen dataclass, whose fields are its options.

    Attributes
    ----------
    NAME : as progress calls it
    ALONE : whether it takes times by the clock, so that nothing else should run meanwhile
    MODULES : that decide what it finds without being imported, such as backends
    """

    NAME: ClassVar[str]
    ALONE: ClassVar[bool] = False
    MODULES: ClassVar[tuple[str, ...]] = ()

    def run(self, setting: Setting) -> Finding:
        """All of it; what is kept elsewhere, such as trained models, is not made again."""
        ...

    def prepare(self, setting: Setting) -> None:
        """Make what is kept elsewhere, which may be done ahead and beside other work."""


def found(experiment: Experiment, splits: Splits, rule: SplitRule, progress: Progress | None = None) -> Finding:
    """What ``experiment`` finds, from the cache where it is there. Raises what it raises."""
    kind = type(experiment)
    sources = source_version(kind.__module__, *kind.MODULES, rooms=SOURCES)
    key = digest(splits.data.fingerprint, rule.identity, str(splits.k), f"{kind.__module__} {experiment!r}", sources)

    def make(folder: Path) -> None:
        checkpoints = cache_dir("checkpoints", key)
        _save(experiment.run(Setting(splits, rule, checkpoints, progress)), folder)
        shutil.rmtree(checkpoints, ignore_errors=True)

    return _load(cached_directory("experiments", key, make), splits.k)


def _save(finding: Finding, folder: Path) -> None:
    names = save_quality(folder, {line.name: line.quality for line in finding.lines if line.quality})
    lines = [asdict(line) | {"quality": None} for line in finding.lines]
    (folder / "finding.json").write_text(json.dumps({"lines": lines, "found": names, "pictured": finding.pictured}))


def _load(folder: Path, k: int) -> Finding:
    told = json.loads((folder / "finding.json").read_text())
    quality = kept_quality(folder, told["found"], k)
    lines = [
        Line(
            **{**line, "quality": quality.get(line["name"]), "latency": line["latency"] and Latency(**line["latency"])}
        )
        for line in told["lines"]
    ]
    return Finding(tuple(lines), told["pictured"])
