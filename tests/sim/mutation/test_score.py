"""Scores and reports of outcomes."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from gatewright_sim.mutation.campaign import PARTS, PROOF, Outcome
from gatewright_sim.mutation.equivalents import EQUIVALENTS
from gatewright_sim.mutation.job import Verdict
from gatewright_sim.mutation.mutant import Mutant
from gatewright_sim.mutation.proof import PROVED
from gatewright_sim.mutation.report import described, html, print_table
from gatewright_sim.mutation.score import equivalent, scores, survivors, wrongly_listed


def outcome(key: str, killer: str | None) -> Outcome:
    return Outcome(
        "sequencer", Mutant(1, key, "logic", 7), Verdict(key, "sequencer", killer, "how <it> failed", "0123")
    )


OUTCOMES = [
    outcome("part.py: f: a & b -> |", "sequencer.interrupts.1"),
    outcome("part.py: f: a & b -> left", PARTS),
    outcome("part.py: f: a < b -> <=", None),
    outcome(next(iter(EQUIVALENTS)), None),
]


def test_equivalent_mutants_do_not_count() -> None:
    (score,) = scores(OUTCOMES)
    assert (score.mutants, score.benches, score.parts, score.equivalent, score.survived) == (4, 1, 1, 1, 1)
    assert score.share == pytest.approx(2 / 3)
    assert survivors(OUTCOMES) == [OUTCOMES[2]]


def test_what_is_proved_does_not_count() -> None:
    mutant = outcome("part.py: f: a < b -> <=", None)
    assert equivalent(mutant) is None
    proved = replace(mutant, verdict=replace(mutant.verdict, stage=PROOF, how=PROVED))
    assert equivalent(proved) == PROVED
    assert survivors([proved]) == []


def test_what_is_noticed_is_not_equivalent() -> None:
    found = [outcome(next(iter(EQUIVALENTS)), "sequencer.interrupts.1")]
    assert wrongly_listed(found) == found
    assert wrongly_listed(OUTCOMES) == []
    (score,) = scores(found)
    assert (score.benches, score.equivalent) == (1, 0)


def test_table_and_page() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_table(console, OUTCOMES)
    text = console.file.getvalue()
    assert "66.7%" in text
    assert "survived: part.py:7: f: a < b -> <=" in text
    page = html(described(OUTCOMES, seed=1))
    assert "how &lt;it&gt; failed" in page
    assert page.index("a &lt; b") < page.index("<h2>Equivalent") < page.index("a &amp; b")
