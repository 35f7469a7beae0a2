"""Ways to answer requests, asked one user at a time, and what each answer took."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from gatewright.driver import Session
from gatewright.reproduction.served import Ask

__all__ = ["WARM_UP", "Counted", "Timed"]

WARM_UP = 3
"""First requests whose time does not count: memory is taken, and code compiled."""


@dataclass
class Timed:
    """A `Scorer` of the users that it was asked for before, which kept the time of each request."""

    way: Ask
    answers: dict[int, np.ndarray] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    def ask(self, user: int) -> None:
        begin = perf_counter()
        self.answers[user] = self.way(user)
        self.times.append((perf_counter() - begin) * 1e3)

    @property
    def milliseconds(self) -> list[float]:
        """Of each request; where there are only first ones, of these."""
        return self.times[WARM_UP:] or self.times

    def scores(self, users: np.ndarray) -> np.ndarray:
        return np.stack([self.answers[int(user)] for user in users])


@dataclass
class Counted(Timed):
    """The same by an accelerator: its time is its cycles', or the least that they can be where nothing counts them."""

    accelerator: Session = field(kw_only=True)

    def ask(self, user: int) -> None:
        self.accelerator.reset_report()
        self.answers[user] = self.way(user)
        report = self.accelerator.report()
        self.times.append((report.cycles or report.min_cycles) / (self.accelerator.config.clock_mhz * 1e3))

    @property
    def milliseconds(self) -> list[float]:
        """Of each request: cycles need no warming up."""
        return self.times
