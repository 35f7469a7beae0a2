"""The whole table: rows of the comparison and lines of experiments, made ahead by several processes, tested, told."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from gatewright.comparison.report import Report, compared
from gatewright.comparison.row import Splits
from gatewright.comparison.workers import row_tasks, run_all
from gatewright.evaluation.statistics import Interval, paired_bootstrap
from gatewright.models.data import MovieLens
from gatewright.models.data.splits import SplitRule
from gatewright.progress import Progress
from gatewright.reproduction.experiment import Experiment, Line, Setting, found
from gatewright.reproduction.paper import SOURCE, Claim, claims
from gatewright.reproduction.scope import Scope
from gatewright.version import __version__

__all__ = ["Difference", "Reproduction", "reproduce"]


@dataclass(frozen=True)
class Difference:
    """Of NDCG, a line's minus that of what it is held against, on the same users; ``relative`` to the latter's mean."""

    line: str
    against: str
    difference: Interval
    relative: Interval


@dataclass(frozen=True)
class Reproduction:
    """All that was found, in types that `as_json` takes.

    Attributes
    ----------
    scope, left_out : how much was measured, and what was not
    made : by which release, and on which machine
    systems : rows of the comparison
    lines, differences, pictured : of experiments; what is pictured, by the experiment's name
    claims : the paper's, of ``source``
    """

    scope: str
    left_out: str
    made: str
    systems: Report
    lines: tuple[Line, ...]
    differences: tuple[Difference, ...]
    pictured: dict[str, Any]
    source: str
    claims: tuple[Claim, ...]


def reproduce(data: MovieLens, scope: Scope, jobs: int = 1, progress: Progress | None = None) -> Reproduction:
    """Everything that ``scope`` asks for about ``data``.

    Rows, trials and experiments that are in the cache are not made again; of ``jobs`` processes each makes some of the
    others. Experiments that take times come after, alone.

    Raises what systems and experiments raise.
    """
    plan = scope.systems
    splits, rule = Splits(data, plan.k), plan.rules[0]
    alone = [each for each in scope.experiments if each.ALONE]
    if jobs > 1:
        others = [partial(_keep, each, data, plan.k, rule) for each in scope.experiments if not each.ALONE]
        ahead: list[Callable[[], object]] = [partial(_prepare, each, data, plan.k, rule) for each in alone]
        run_all([*others, *ahead, *row_tasks(data, plan)], jobs, "systems and experiments", progress)
    findings = {each.NAME: found(each, splits, rule, progress) for each in scope.experiments}
    report = compared(data, plan, progress)
    lines = tuple(line for finding in findings.values() for line in finding.lines)
    machine = f"{platform.machine()} {platform.system()}, Python {platform.python_version()}"
    return Reproduction(
        scope.name, scope.left_out, f"gatewright {__version__}, {machine}", report, lines, tuple(_differences(lines)),
        {name: finding.pictured for name, finding in findings.items()}, SOURCE, claims(report, lines),
    )  # fmt: skip


def _keep(experiment: Experiment, data: MovieLens, k: int, rule: SplitRule) -> None:
    found(experiment, Splits(data, k), rule)


def _prepare(experiment: Experiment, data: MovieLens, k: int, rule: SplitRule) -> None:
    experiment.prepare(Setting(Splits(data, k), rule))


def _differences(lines: tuple[Line, ...]) -> list[Difference]:
    by_name = {line.name: line for line in lines}
    made = []
    for line in lines:
        other = by_name.get(line.against)
        if line.quality and other and other.quality:
            own, than = (each.values["ndcg"] for each in (line.quality, other.quality))
            base = float(than.mean()) or 1.0
            difference, relative = paired_bootstrap(own, than), paired_bootstrap(own / base, than / base)
            made.append(Difference(line.name, line.against, difference, relative))
    return made
