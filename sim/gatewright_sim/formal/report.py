"""Results as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from gatewright_sim.formal.campaign import Result
from gatewright_sim.formal.catalogue import group_of
from gatewright_sim.formal.proof import Mode
from gatewright_sim.formal.solver import ENGINE

__all__ = ["to_json", "to_table"]

_REACH = {Mode.BOUNDED: "runs of {} cycles", Mode.INDUCTIVE: "any run ({}-induction)"}


def to_table(results: Iterable[Result]) -> Table:
    """One row for each proof."""
    table = Table(
        title=f"proofs ({ENGINE})", caption="seconds of processor time: the proof, what it reaches, and its bugs"
    )
    for heading in ("group", "proof", "holds for", "bugs found"):
        table.add_column(heading)
    table.add_column("s", justify="right")
    table.add_column("")
    for result in results:
        proof = result.proof
        table.add_row(
            group_of(proof),
            proof.name,
            _REACH[proof.mode].format(proof.depth),
            f"{result.found} of {len(result.bugs)}",
            str(result.seconds),
            "[green]proven[/]" if result.passed else "[bold red]FAILS[/]",
        )
    return table


def to_json(results: Iterable[Result]) -> dict[str, Any]:
    """The same, and what each proof promises, as JSON's types."""
    return {
        "engine": ENGINE,
        "proofs": [
            {
                "group": group_of(result.proof),
                "name": result.proof.name,
                "promise": result.proof.promise,
                "mode": result.proof.mode.name.lower(),
                "depth": result.proof.depth,
                "passed": result.passed,
                "seconds": result.seconds,
                "bugs": {
                    bug.what: outcome.verdict.name.lower()
                    for bug, outcome in zip(result.proof.bugs, result.bugs, strict=True)
                },
                "faults": result.faults,
            }
            for result in results
        ],
    }
