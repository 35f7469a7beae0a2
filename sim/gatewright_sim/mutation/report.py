"""What a campaign found: as a table, as data, and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from rich.console import Console
from rich.table import Table

from gatewright.web_page import web_page
from gatewright_hw.build.bars import Bar, bars
from gatewright_sim.mutation.campaign import Outcome
from gatewright_sim.mutation.score import Score, equivalent, scores, survivors, wrongly_listed

__all__ = ["described", "html", "print_table"]


def described(outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
    """As data for JSON."""
    return {
        "seed": seed,
        "blocks": [_score(score) for score in scores(outcomes)],
        "groups": [_score(score) for score in scores(outcomes, by_group=True)],
        "mutants": [
            {
                "block": each.block,
                "kind": each.mutant.kind,
                "mutant": each.mutant.key,
                "line": each.mutant.line,
                "killer": each.verdict.killer,
                "how": each.verdict.how,
                "equivalent": equivalent(each),
            }
            for each in outcomes
        ],
    }


def _score(score: Score) -> dict[str, Any]:
    return asdict(score) | {"survived": score.survived, "share": score.share}


def html(found: dict[str, Any]) -> str:
    """The page of what is :func:`described`: a bar for each group, then every mutant, survivors first."""
    rows = [
        Bar(each["name"], each["share"], f"{each['share']:.1%} of {each['mutants'] - each['equivalent']}")
        for each in found["groups"]
    ]
    parts = [bars(rows, 1.0), "<h2>Survivors</h2>", _table([each for each in found["mutants"] if _alive(each)])]
    parts += ["<h2>Equivalent</h2>", _table([each for each in found["mutants"] if each["equivalent"]])]
    parts += ["<h2>Noticed</h2>", _table([each for each in found["mutants"] if each["killer"]])]
    return web_page("Mutants", "\n".join(parts))


def _alive(mutant: dict[str, Any]) -> bool:
    return not mutant["killer"] and not mutant["equivalent"]


def _table(mutants: list[dict[str, Any]]) -> str:
    cells = "".join(
        "<tr>" + "".join(f"<td>{escape(str(text))}</td>" for text in (*_place(each), _said(each))) + "</tr>"
        for each in mutants
    )
    return f"<table>{cells}</table>" if mutants else "<p>None.</p>"


def _place(mutant: dict[str, Any]) -> tuple[str, str, str, str]:
    file, what = mutant["mutant"].split(": ", 1)
    return mutant["block"], f"{file}:{mutant['line']}", mutant["kind"], what


def _said(mutant: dict[str, Any]) -> str:
    return mutant["equivalent"] or f"{mutant['killer'] or ''} {mutant['how'].split(chr(10))[0][:120]}"


def print_table(console: Console, outcomes: Sequence[Outcome]) -> None:
    """The score of each block and each group, and the survivors."""
    table = Table("block, group")
    for name in ("mutants", "benches", "tests of parts", "equivalent", "survived", "noticed"):
        table.add_column(name, justify="right")
    for by_group in (False, True):
        for score in scores(outcomes, by_group=by_group):
            counts = (score.mutants, score.benches, score.parts, score.equivalent, score.survived)
            table.add_row(score.name, *map(str, counts), f"{score.share:.1%}")
        table.add_section()
    console.print(table)
    named = [("survived", survivors(outcomes)), ("noticed, but listed as equivalent", wrongly_listed(outcomes))]
    for what, each in ((what, each) for what, found in named for each in found):
        place = f"{each.mutant.file}:{each.mutant.line}: {each.mutant.key.split(': ', 1)[1]}"
        console.print(f"{what}: {place}", markup=False, highlight=False, soft_wrap=True)
