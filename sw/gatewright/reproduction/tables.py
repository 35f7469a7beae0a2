"""A reproduction as sheets: the table, the paper's figures, what optimisations cost, and all of the comparison."""

from __future__ import annotations

import csv
from io import StringIO

from gatewright.comparison.protocols import FULL
from gatewright.comparison.sheets import sheets
from gatewright.evaluation.quality import Quality
from gatewright.reproduction.experiment import Latency, Line
from gatewright.reproduction.reproduction import Reproduction
from gatewright.sheet import Sheet

__all__ = ["all_sheets", "lines_csv"]


def all_sheets(found: Reproduction) -> tuple[Sheet, ...]:
    """In the order in which they are read."""
    return _table(found), _paper(found), _differences(found), *sheets(found.systems)


def _table(found: Reproduction) -> Sheet:
    report = found.systems
    cells = {each.system: each for each in report.cells if (each.protocol, each.metric) == (FULL, report.metric)}
    rows = []
    for chosen in report.chosen:
        cell = cells[chosen.system]
        spread = " / ".join(
            "" if each is None or each.deviation is None else f"± {each.deviation:.4f}"
            for each in (cell.shuffles, cell.seeds)
        )
        interval = f" [{cell.interval.low:.4f}, {cell.interval.high:.4f}]" if cell.interval else ""
        rows.append(
            (chosen.system, f"{cell.mean:.4f}{interval}", spread.strip(" /"), f"{chosen.fit_seconds:.1f}", "", "")
        )
    rows += [
        (
            line.name, _quality(line.quality, report.metric), "", "" if line.seconds is None else f"{line.seconds:.0f}",
            _latency(line.latency), "; ".join(_said(line)),
        )
        for line in found.lines
    ]  # fmt: skip
    left_out = f"A part of the table ({found.scope}): {found.left_out}. " if found.left_out else ""
    return Sheet(
        "The table",
        ("", f"NDCG@{report.k} [95 %]", "spread: shuffles / seeds", "training, CPU s", "ms: p50 / p95 / p99", ""),
        tuple(rows),
        f"{left_out}Full ranking of the test, {report.data}, {report.users} users. Below the systems stand ways to run "
        "and to train some of them, to be compared with each other; encoders on all shuffles, the rest on the first. "
        "What was kept before a training, as vectors of texts and graphs, is not in its seconds.",
    )


def _quality(quality: Quality | None, metric: str) -> str:
    mean = quality.mean(metric) if quality else None
    if quality is None or mean is None:
        return ""
    interval = quality.interval(metric)
    return f"{mean:.4f}" + (f" [{interval.low:.4f}, {interval.high:.4f}]" if interval else "")


def _said(line: Line) -> list[str]:
    """How its time was taken, and its facts."""
    facts = [f"{name} {value}" for name, value in line.facts.items() if value]
    return [line.latency.how, *facts] if line.latency else facts


def _latency(latency: Latency | None) -> str:
    return "" if latency is None else f"{latency.p50:.1f} / {latency.p95:.1f} / {latency.p99:.1f}"


def _paper(found: Reproduction) -> Sheet:
    rows = tuple((each.what, each.theirs, each.ours, each.note) for each in found.claims)
    return Sheet(f"Beside the paper ({found.source})", ("", "paper", "here", "how to read it"), rows)


def _differences(found: Reproduction) -> Sheet:
    rows = tuple(
        (
            each.line, each.against, f"{each.difference.mean:+.4f}",
            f"[{each.difference.low:+.4f}, {each.difference.high:+.4f}]",
            f"{each.relative.mean:+.1%} [{each.relative.low:+.1%}, {each.relative.high:+.1%}]",
        )
        for each in found.differences
    )  # fmt: skip
    return Sheet(
        "What optimisations cost", ("", "against", "difference of NDCG", "95 % interval", "relative"), rows,
        "Paired on the same users. An interval around zero shows no loss; its lower end says how large one may be.",
    )  # fmt: skip


def lines_csv(found: Reproduction) -> str:
    """A row for each line, with all digits; empty where there is no number."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = "line", "against", "users", "ndcg", "low", "high", "training_cpu_seconds", "p50_ms", "p95_ms", "p99_ms"
    writer.writerow([*names, "timed", "facts"])
    for line in found.lines:
        writer.writerow([line.name, line.against, *_numbers(line, found.systems.metric)])
    return text.getvalue()


def _cells(quality: Quality, metric: str) -> tuple[object, ...]:
    interval = quality.interval(metric)
    return len(quality.users), quality.mean(metric), *((interval.low, interval.high) if interval else ("", ""))


def _numbers(line: Line, metric: str) -> list[object]:
    latency = line.latency
    return [
        *(_cells(line.quality, metric) if line.quality else ("",) * 4),
        "" if line.seconds is None else line.seconds,
        *((latency.p50, latency.p95, latency.p99, latency.how) if latency else ("",) * 4),
        "; ".join(f"{name}: {value}" for name, value in line.facts.items() if value),
    ]  # fmt: skip
