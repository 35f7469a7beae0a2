"""A kind of system, and how much of its grid is tried."""

from __future__ import annotations

from dataclasses import dataclass, fields

from gatewright.models.baselines.system import System
from gatewright.models.baselines.tune import BUDGET

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """A kind of system, and the most of its grid that is tried on validation."""

    kind: type[System]
    budget: int = BUDGET

    @property
    def name(self) -> str:
        return self.kind.NAME

    @property
    def seeded(self) -> bool:
        """Whether chance has a part in its training: it has the option ``seed``."""
        return any(option.name == "seed" for option in fields(self.kind))
