"""When a channel is held back: idle, its source offers nothing; backpressure, its sink takes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["FREE", "REGIMES", "Pauses", "Stalls"]


@dataclass(frozen=True)
class Pauses:
    """After a cycle of going, with ``probability``, 1 to ``longest`` cycles of holding back."""

    probability: float = 0.0
    longest: int = 1

    def generate(self, rng: np.random.Generator) -> Iterator[bool]:
        """Cycle by cycle without end, True where the channel is held back: a pause generator of cocotbext-axi."""
        while True:
            yield False
            if rng.random() < self.probability:
                yield from [True] * int(rng.integers(1, self.longest + 1))


@dataclass(frozen=True)
class Stalls:
    """What a memory does to whoever uses it.

    Attributes
    ----------
    idle : of the channels on which it answers, read data and write responses; long ones are latency.
    backpressure : of the channels on which it is asked, addresses and write data.
    """

    idle: Pauses = Pauses()
    backpressure: Pauses = Pauses()

    @classmethod
    def both(cls, probability: float, longest: int = 1) -> Stalls:
        """The same on every channel, though not at the same time."""
        return cls(Pauses(probability, longest), Pauses(probability, longest))


FREE = Stalls()
REGIMES = (
    FREE,
    Stalls.both(0.3, 2),
    Stalls.both(0.05, 60),
    Stalls(idle=Pauses(0.5, 8)),
    Stalls(backpressure=Pauses(0.5, 8)),
)
"""No stalls, many short ones, few long ones, and each side alone."""
