"""What mutants say of the tests: the share of those not equivalent that some test noticed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatewright_sim.mutation.blocks import BLOCKS
from gatewright_sim.mutation.campaign import PARTS, Outcome
from gatewright_sim.mutation.equivalents import EQUIVALENTS
from gatewright_sim.mutation.proof import PROVED

__all__ = ["LEAST", "Score", "equivalent", "scores", "survivors", "wrongly_listed"]

LEAST = 0.95
"""The share that must be noticed in each group of blocks."""


@dataclass(frozen=True)
class Score:
    """Counts of a block or a group: mutants in all, noticed by benches, noticed by tests of parts alone, equivalent."""

    name: str
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


def scores(outcomes: Iterable[Outcome], *, by_group: bool = False) -> list[Score]:
    """Of each block or group, in the order in which they come."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(BLOCKS[outcome.block].group if by_group else outcome.block, []).append(outcome)
    return [_score(name, mine) for name, mine in found.items()]


def _score(name: str, outcomes: list[Outcome]) -> Score:
    killers = [each.verdict.killer for each in outcomes]
    parts = killers.count(PARTS)
    same = killers.count(None) - len(survivors(outcomes))
    return Score(name, len(outcomes), len(outcomes) - parts - killers.count(None), parts, same)
