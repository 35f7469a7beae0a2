"""What mutants say of the tests: the share of those not equivalent that some test noticed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatewright_sim.mutation.campaign import PARTS, Outcome
from gatewright_sim.mutation.equivalents import EQUIVALENTS
from gatewright_sim.mutation.proof import PROVED

__all__ = ["LEAST", "Score", "equivalent", "scores", "survivors", "wrongly_listed"]

LEAST = 0.95
"""The share that must be noticed in each block."""


@dataclass(frozen=True)
class Score:
    """Counts of one block: mutants in all, noticed by benches, noticed by tests of parts alone, equivalent."""

    block: str
    mutants: int
    benches: int
    parts: int
    equivalent: int

    @property
    def survived(self) -> int:
        """Unnoticed, and not equivalent."""
        return self.mutants - self.benches - self.parts - self.equivalent

    @property
    def share(self) -> float:
        """Noticed, of those not equivalent."""
        counted = self.mutants - self.equivalent
        return (counted - self.survived) / counted if counted else 1.0


def equivalent(outcome: Outcome) -> str | None:
    """Why nothing can notice a mutant that nothing noticed: a reason that is listed, or that it was proved."""
    if outcome.verdict.killer is not None:
        return None
    return EQUIVALENTS.get(outcome.mutant.key) or (PROVED if outcome.verdict.how == PROVED else None)


def survivors(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Mutants that no test noticed, and that could be."""
    return [each for each in outcomes if each.verdict.killer is None and not equivalent(each)]


def wrongly_listed(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Mutants that are listed as equivalent, and that some test noticed all the same."""
    return [each for each in outcomes if each.verdict.killer is not None and each.mutant.key in EQUIVALENTS]


def scores(outcomes: Iterable[Outcome]) -> list[Score]:
    """Of each block, in the order in which they come."""
    by_block: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_block.setdefault(outcome.block, []).append(outcome)
    return [_score(block, mine) for block, mine in by_block.items()]


def _score(block: str, outcomes: list[Outcome]) -> Score:
    killers = [each.verdict.killer for each in outcomes]
    parts = killers.count(PARTS)
    same = killers.count(None) - len(survivors(outcomes))
    return Score(block, len(outcomes), len(outcomes) - parts - killers.count(None), parts, same)
