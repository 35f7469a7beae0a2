"""A report as sheets of text, and as CSV."""

from __future__ import annotations

import csv
from io import StringIO

from gatewright.comparison.pool import Cell
from gatewright.comparison.protocols import FULL, PARTS, RERANKING, SAMPLED
from gatewright.comparison.report import Report
from gatewright.evaluation.statistics import Spread
from gatewright.sheet import Sheet

__all__ = ["csv_text", "sheets"]

NAMES = {
    "ndcg": "NDCG@{k}", "recall": "Recall@{k}", "hit_rate": "HR@{k}", "mrr": "MRR",
    "ndcg_linear": "NDCG@{k}, gain = stars", "ndcg_linear_random": "a random order's",
    "ndcg_exponential": "NDCG@{k}, gain = 2^stars - 1", "ndcg_exponential_random": "a random order's",
}  # fmt: skip


def sheets(report: Report) -> tuple[Sheet, ...]:
    """All of a report: a sheet for each protocol, what is cold apart, comparisons, and what was chosen."""
    return (
        *(_protocol(report, name) for name in (FULL, SAMPLED, RERANKING) if _asked(report, name)),
        _parts(report),
        _comparisons(report),
        _chosen(report),
    )


def _asked(report: Report, protocol: str) -> bool:
    return any(each.protocol == protocol for each in report.cells)


def _protocol(report: Report, protocol: str) -> Sheet:
    cells = [each for each in report.cells if each.protocol == protocol]
    metrics = list(dict.fromkeys(each.metric for each in cells))
    columns = ["system", *(_named(report, metric) for metric in metrics), "over shuffles", "over seeds"]
    rows = []
    for system in dict.fromkeys(each.system for each in cells):
        own = {each.metric: each for each in cells if each.system == system}
        first = own[metrics[0]]
        rows.append(
            (system, *(_value(own[metric]) for metric in metrics), _spread(first.shuffles), _spread(first.seeds))
        )
    users = max(each.users for each in cells)
    return Sheet(
        f"{protocol}, {users} users", tuple(columns), tuple(rows),
        "Mean over users with its 95 % bootstrap interval, each user's over all shuffles of ties and seeds; standard "
        f"deviations of the first metric over {report.shuffles} shuffles and {report.seeds} seeds. "
        f"{report.caveats.get(protocol, '')}".strip(),
    )  # fmt: skip


def _parts(report: Report) -> Sheet:
    cells = {(each.system, each.protocol): each for each in report.cells if each.metric == report.metric}
    parts = [part for part in PARTS if _asked(report, part)]
    rows = [
        (each.system, *(_value(cells[each.system, part]) if (each.system, part) in cells else "" for part in parts))
        for each in report.chosen
    ]
    cold = report.cold
    return Sheet(
        f"{_named(report, report.metric)} apart for what is cold",
        ("system", *(part.removeprefix(f"{FULL}, ") for part in parts)), tuple(rows),
        f"Of the held-out ratings, {cold.item_ratings:.1%} are of items and {cold.user_ratings:.1%} by users without "
        f"any earlier rating. Ties decide what is held out of {cold.users_decided_by_tie:.1%} of the users.",
    )  # fmt: skip


def _comparisons(report: Report) -> Sheet:
    rows = tuple(
        (
            each.better, each.than, f"{each.difference.mean:+.4f}",
            f"[{each.difference.low:+.4f}, {each.difference.high:+.4f}]",
            "" if each.relative is None else f"{each.relative:+.1%}", f"{each.p_holm:.4f}",
            "yes" if each.shown else "no",
        )
        for each in report.comparisons
    )  # fmt: skip
    return Sheet(
        f"Better than, by {_named(report, report.metric)} of the {FULL}",
        ("system", "than", "difference", "95 % interval", "relative", "p (Holm)", "shown"), rows,
        "Paired on the same users: bootstrap interval, and permutation test corrected for all of these together.",
    )  # fmt: skip


def _chosen(report: Report) -> Sheet:
    rows = []
    for each in report.chosen:
        varied = {name: list(dict.fromkeys(_short(one[name]) for one in each.options)) for name in each.options[0]}
        said = ", ".join(f"{name} {' / '.join(values)}" for name, values in varied.items())
        rows.append((each.system, f"{each.trials}", f"{each.validation:.4f}", f"{each.fit_seconds:.1f}", said))
    return Sheet(
        "What was chosen on validation",
        ("system", "trials", f"{_named(report, report.metric)} there", "CPU s", "options, / where shuffles differ"),
        tuple(rows),
        f"{report.data}: {report.users} users, {report.items} items, {report.ratings} ratings; {report.split}. Seconds "
        "are those of the longest training, without what was kept before, as vectors of texts and graphs.",
    )  # fmt: skip


def _named(report: Report, metric: str) -> str:
    return NAMES[metric].format(k=report.k)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(cell: Cell) -> str:
    if cell.interval is None:
        return f"{cell.mean:.4f}"
    return f"{cell.mean:.4f} [{cell.interval.low:.4f}, {cell.interval.high:.4f}]"


def _spread(found: Spread | None) -> str:
    return "" if found is None or found.deviation is None else f"± {found.deviation:.4f}"


def csv_text(report: Report) -> str:
    """A line for each cell, with all digits; empty where there is no number."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    spreads = [f"{over}_{what}" for over in ("shuffles", "seeds") for what in ("mean", "deviation", "least", "most")]
    writer.writerow(["system", "protocol", "metric", "users", "mean", "low", "high", *spreads])
    for each in report.cells:
        interval = (each.interval.low, each.interval.high) if each.interval else ("", "")
        apart = [
            value
            for over in (each.shuffles, each.seeds)
            for value in ((over.mean, over.deviation, over.least, over.most) if over else ("",) * 4)
        ]
        writer.writerow([each.system, each.protocol, each.metric, each.users, each.mean, *interval, *apart])
    return text.getvalue()
