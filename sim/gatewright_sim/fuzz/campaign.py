"""Cases without an end: drawn by Hypothesis in batches of a seed each; what is found is made small."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky

from gatewright_sim.fuzz.corpus import cases_of, keep
from gatewright_sim.fuzz.target import Finding, Target, try_case

__all__ = ["BATCH", "Tally", "batch", "replay", "run"]

BATCH = 200
"""Cases that are drawn under one seed."""
_SEEDS = 1 << 32
"""Batches of one campaign at the most, so that campaigns of different seeds share none."""


@dataclass
class Tally:
    """What has been tried of a target.

    Attributes
    ----------
    target : its name.
    outcomes : cases by how they ended.
    findings : by kind, the sentence about the smallest case.
    kept : files that joined the corpus.
    seconds : on the wall.
    """

    target: str
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)
    kept: list[Path] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def cases(self) -> int:
        return self.outcomes.total()


def replay(target: Target, corpus: Path, tally: Tally) -> None:
    """Try what is kept, in order."""
    for name, case in cases_of(target, corpus).items():
        try:
            tally.outcomes[try_case(target, case)] += 1
        except Finding as finding:
            tally.outcomes[finding.kind] += 1
            tally.findings.setdefault(finding.kind, f"{finding} ({name})")


def batch(target: Target, corpus: Path, number: int, count: int, tally: Tally) -> bytes | None:
    """Draw and try ``count`` cases by the seed ``number``; the smallest case of a kind not found before, if any.

    A kind of the tally's findings is counted and passed over. The same target and number draw the same cases.
    """
    smallest: list[tuple[bytes, Finding]] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(target.cases())
    def draw(case: bytes) -> None:
        try:
            ending = try_case(target, case)
        except Finding as finding:
            tally.outcomes[finding.kind] += 1
            if finding.kind not in tally.findings:
                smallest[:] = [(case, finding)]
                raise
        else:
            tally.outcomes[ending] += 1

    try:
        draw()
    except (Finding, Flaky):  # the latter where the case did not show it again
        if not smallest:
            raise
        case, finding = smallest[0]
        tally.findings[finding.kind] = str(finding)
        tally.kept.append(keep(target, corpus, finding.kind, case))
        return case
    return None


def run(
    target: Target, corpus: Path, first_seed: int, seconds: float, tally: Tally, tell: Callable[[Tally], None]
) -> None:
    """Replay the corpus, then draw batches for so many seconds; the last one ends later. ``tell`` is given the tally
    after each of them."""
    before, begin = tally.seconds, time.monotonic()
    replay(target, corpus, tally)
    number = first_seed * _SEEDS
    while time.monotonic() - begin < seconds:
        batch(target, corpus, number, BATCH, tally)
        number += 1
        tally.seconds = before + time.monotonic() - begin
        tell(tally)
