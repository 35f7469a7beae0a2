"""What the accelerator is asked for, and what it took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gatewright.driver.accelerator import Accelerator
from gatewright.driver.report import EngineReport

__all__ = ["Counted", "Workload", "working_engine"]


@dataclass(frozen=True)
class Counted:
    """Cycles of one run.

    Attributes
    ----------
    cycles : of a kernel from its command's start to its end, of a program from doorbell to end.
    min_cycles_compute, min_cycles_memory : its bounds, by arithmetic and by bytes.
    hit_rate : share of an aggregation's rows, 0..1, that did not come from memory; None for anything else.
    """

    cycles: int
    min_cycles_compute: int
    min_cycles_memory: int
    hit_rate: float | None = None

    @classmethod
    def of(cls, engine: EngineReport) -> Counted:
        """What an engine says of its commands."""
        return cls(engine.cycles, engine.min_cycles_compute, engine.min_cycles_memory)

    @property
    def bound(self) -> int:
        """The higher of the two: the fewest cycles that are possible."""
        return max(self.min_cycles_compute, self.min_cycles_memory)


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    Attributes
    ----------
    part : of the table.
    what : in words, within its part.
    made_from : names all that decides about it, besides our sources and the configuration: rows with the same are one
        measurement.
    run : runs it on an accelerator whose report is empty.
    size : where on the axis of its part's picture it stands; None where there is no such picture.
    """

    part: str
    what: str
    made_from: str
    run: Callable[[Accelerator], Counted]
    size: int | None = None


def working_engine(accelerator: Accelerator) -> EngineReport:
    """The one engine that a single kernel has used."""
    (engine,) = (each for each in accelerator.report().engines if each.commands)
    return engine
