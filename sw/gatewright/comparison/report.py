"""The whole comparison: all rows, pooled, and every "better than" tested together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewright.comparison.entry import Entry
from gatewright.comparison.plan import Plan
from gatewright.comparison.pool import Cell, cell, pooled
from gatewright.comparison.protocols import CAVEATS, FULL
from gatewright.comparison.row import Row, Splits, measured
from gatewright.evaluation.statistics import Comparison, compare
from gatewright.models.data import MovieLens
from gatewright.progress import Progress

__all__ = ["Chosen", "Cold", "Report", "compared", "report_of", "rows_of"]

METRIC = "ndcg"
"""What is tested, of the full ranking; it is also what options are chosen by."""


@dataclass(frozen=True)
class Chosen:
    """A system's options on each split, how many sets of them were tried, and the seconds of the processor that the
    longest of its trainings for the test took: later ones find some of it kept."""

    system: str
    trials: int
    options: tuple[dict[str, Any], ...]
    validation: float
    fit_seconds: float


@dataclass(frozen=True)
class Cold:
    """Mean shares, over shuffles, of what is held out that no system can have learnt from ratings: 0 to 1."""

    item_ratings: float
    user_ratings: float
    users_decided_by_tie: float


@dataclass(frozen=True)
class Report:
    """All that was found, in types that `as_json` takes.

    Attributes
    ----------
    data, fingerprint : what was rated
    split : of the first shuffle; the others differ in its seed alone
    cells : by system, protocol and metric, in that order
    comparisons : of ``metric`` by full ranking, corrected for all of them together
    caveats : to be read beside a protocol's figures
    """

    data: str
    fingerprint: str
    users: int
    items: int
    ratings: int
    split: str
    shuffles: int
    seeds: int
    k: int
    metric: str
    cold: Cold
    chosen: tuple[Chosen, ...]
    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    caveats: dict[str, str]


def compared(data: MovieLens, plan: Plan, progress: Progress | None = None) -> Report:
    """Everything that ``plan`` asks for about ``data``; rows that are in the cache are not measured again."""
    splits = Splits(data, plan.k)
    return report_of(splits, plan, list(rows_of(splits, plan, progress)))


def rows_of(splits: Splits, plan: Plan, progress: Progress | None = None) -> Iterator[Row]:
    """One after the other, by split: whoever stops after any of them has those kept."""
    wanted = [(rule, entry, seed) for rule in plan.rules for entry in plan.entries for seed in plan.seeds_of(entry)]
    for done, (rule, entry, seed) in enumerate(wanted):
        if progress:
            progress("rows", done, len(wanted))
        yield measured(entry, splits, rule, seed, progress)
    if progress:
        progress("rows", len(wanted), len(wanted))


def report_of(splits: Splits, plan: Plan, rows: Sequence[Row]) -> Report:
    """From the rows of all of ``plan``."""
    by_system = {entry.name: [row for row in rows if row.system == entry.name] for entry in plan.entries}
    found = (
        cell(own, protocol, metric)
        for own in by_system.values()
        for protocol, quality in own[0].found.items()
        for metric in quality.values
    )
    chosen = tuple(_chosen(entry, by_system[entry.name]) for entry in plan.entries)
    pairs = plan.pairs or _champion_pairs(chosen)
    values = {name: pooled([row.found[FULL] for row in own]).values[METRIC] for name, own in by_system.items()}
    data = splits.data
    return Report(
        data.name, data.fingerprint, data.n_users, data.n_items, len(data.ratings), plan.rule.identity, plan.shuffles,
        plan.seeds, plan.k, METRIC, _cold(splits, plan), chosen, tuple(each for each in found if each),
        tuple(compare(values, pairs)), CAVEATS,
    )  # fmt: skip


def _chosen(entry: Entry, rows: Sequence[Row]) -> Chosen:
    first = {row.shuffle: row for row in reversed(rows)}
    options = tuple(dict(row.options) for row in first.values())
    validation = float(np.mean([row.validation for row in first.values()]))
    seconds = max(row.fit_seconds for row in rows)
    return Chosen(entry.name, rows[0].trials, options[::-1], validation, seconds)


def _champion_pairs(chosen: Sequence[Chosen]) -> list[tuple[str, str]]:
    """The best on validation against each other one; by the test it would be chosen by what it is tested on."""
    best = max(chosen, key=lambda each: each.validation).system
    return [(best, each.system) for each in chosen if each.system != best]


def _cold(splits: Splits, plan: Plan) -> Cold:
    shares = []
    for rule in plan.rules:
        parts, protocols = splits.at(rule)
        full = protocols.full
        shares.append(
            (full.cold_item_share, full.cold_user_share, parts.counts.users_decided_by_tie / parts.counts.test.users)
        )
    return Cold(*(float(mean) for mean in np.mean(shares, axis=0)))
