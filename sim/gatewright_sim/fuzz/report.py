"""Tallies as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from gatewright_sim.fuzz.campaign import Tally

__all__ = ["to_json", "to_table"]


def to_table(tallies: Sequence[Tally]) -> Table:
    """One row for each target, its commonest endings first."""
    table = Table(title="fuzzing")
    for heading, justify in (("target", "left"), ("cases", "right"), ("a second", "right"), ("endings", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    table.add_column("findings")
    for tally in tallies:
        endings = ", ".join(f"{ending} {count:,}" for ending, count in tally.outcomes.most_common())
        rate = tally.cases / tally.seconds if tally.seconds else 0
        found = "\n".join(tally.findings) or "none"
        table.add_row(tally.target, f"{tally.cases:,}", f"{rate:.0f}", endings, found)
    return table


def to_json(tallies: Sequence[Tally], seed: int) -> dict[str, Any]:
    """The same, and where the findings are, as JSON's types."""
    return {
        "seed": seed,
        "targets": {
            tally.target: {
                "cases": tally.cases,
                "seconds": round(tally.seconds, 1),
                "endings": dict(tally.outcomes.most_common()),
                "findings": tally.findings,
                "kept": [str(path) for path in tally.kept],
            }
            for tally in tallies
        },
    }
