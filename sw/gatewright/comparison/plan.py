"""What is compared: systems with their trials and seeds, on how many splits."""

from __future__ import annotations

from dataclasses import dataclass, field

from gatewright.comparison.entry import Entry
from gatewright.comparison.errors import ComparisonError
from gatewright.models.baselines import BASELINES
from gatewright.models.baselines.tune import BUDGET
from gatewright.models.data.splits import SplitRule, UserTimeSplit, shuffles
from gatewright.models.experts import Hybrid
from gatewright.models.systems import NEURAL_BUDGET, SYSTEMS, TextAlone

__all__ = ["ENTRIES", "Plan"]

ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        *(Entry(kind) for kind in BASELINES),
        *(Entry(kind, BUDGET if kind is TextAlone else NEURAL_BUDGET) for kind in SYSTEMS),
        Entry(Hybrid),
    )
}
"""All systems by name, in the order of tables."""


@dataclass(frozen=True)
class Plan:
    """Each of ``entries`` on ``shuffles`` splits by ``rule``; those that chance has a part in, from ``seeds`` seeds.

    Options are chosen on each split's own validation, with seed 0. ``pairs`` are the comparisons to test, (better,
    than) by name; without any, the system that validation has best is held against each other one.
    """

    entries: tuple[Entry, ...] = tuple(ENTRIES.values())
    rule: SplitRule = field(default_factory=UserTimeSplit)
    shuffles: int = 5
    seeds: int = 3
    pairs: tuple[tuple[str, str], ...] = ()
    k: int = 10

    def __post_init__(self) -> None:
        names = [entry.name for entry in self.entries]
        for option in ("shuffles", "seeds", "k"):
            if getattr(self, option) < 1:
                raise ComparisonError(f"{option} of a comparison is {getattr(self, option)}, allowed: from 1")
        if not names or len(set(names)) < len(names):
            raise ComparisonError(f"a comparison needs systems of different names, got {', '.join(names) or 'none'}")
        for better, than in self.pairs:
            for name in (better, than):
                if name not in names:
                    raise ComparisonError(f"{name} is to be compared, but not measured, allowed: {', '.join(names)}")
            if better == than:
                raise ComparisonError(f"{better} is to be compared with itself, allowed: two systems")

    @property
    def rules(self) -> tuple[SplitRule, ...]:
        """One for each shuffle of ties."""
        return shuffles(self.rule, self.shuffles)

    def seeds_of(self, entry: Entry) -> tuple[int | None, ...]:
        """None is that of a system without one."""
        return tuple(range(self.seeds)) if entry.seeded else (None,)
