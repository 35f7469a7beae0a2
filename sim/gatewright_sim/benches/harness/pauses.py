"""When a channel is held back: idle, its source offers nothing; backpressure, its sink takes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["ALONE", "CHANNELS", "FREE", "LATE", "REGIMES", "Pauses", "Stalls"]


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
    idle : of the channels on which it answers, read data and write responses.
    backpressure : of the channels on which it is asked, addresses and write data.
    only : the one channel that this is about; None: every one.
    latency : cycles from a burst to its answer, besides the one that AXI wants.
    """

    idle: Pauses = Pauses()
    backpressure: Pauses = Pauses()
    only: str | None = None
    latency: int = 0

    @classmethod
    def both(cls, probability: float, longest: int = 1) -> Stalls:
        """The same on every channel, though not at the same time."""
        return cls(Pauses(probability, longest), Pauses(probability, longest))

    def of(self, channel: str) -> Pauses:
        """Those of one of CHANNELS."""
        if self.only not in (None, channel):
            return Pauses()
        return self.idle if channel in ANSWERS else self.backpressure


ANSWERS = ("r", "b")
CHANNELS = ("ar", "aw", "w", *ANSWERS)
"""Of a memory port, with those on which the memory answers."""
FREE = Stalls()
LATE = Stalls(latency=40)
REGIMES = (
    FREE,
    replace(Stalls.both(0.3, 2), latency=5),
    Stalls.both(0.05, 60),
    Stalls(idle=Pauses(0.5, 8)),
    Stalls(backpressure=Pauses(0.5, 8)),
    LATE,
)
"""No stalls and no latency, many short stalls and a short latency, few long stalls, each side alone, latency alone."""
ALONE = tuple(Stalls(Pauses(0.6, 25), Pauses(0.6, 25), only=channel) for channel in CHANNELS)
"""Each channel alone, held back for most of the time, so that what waits for it fills up."""
