"""What happened on a board, for tests and for whoever watches."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Event", "EventLog", "Level"]


class Level(IntEnum):
    """How bad it is."""

    INFO = 0
    WARNING = 1
    FATAL = 2
    """Silicon would have hung, or could have computed something else."""


@dataclass(frozen=True)
class Event:
    """``seconds`` since power-on."""

    seconds: float
    level: Level
    text: str


class EventLog:
    """Events in their order."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._events: list[Event] = []
        self._lock = threading.Lock()

    def add(self, level: Level, text: str) -> None:
        """Note what happened now."""
        with self._lock:
            self._events.append(Event(time.monotonic() - self._start, level, text))

    @property
    def events(self) -> tuple[Event, ...]:
        """All so far."""
        with self._lock:
            return tuple(self._events)

    def texts(self, level: Level) -> list[str]:
        """What was noted at this level."""
        return [event.text for event in self.events if event.level is level]
