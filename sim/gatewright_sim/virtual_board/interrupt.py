"""The interrupt line, and Linux' ``uio_pdrv_genirq`` behind it: a level that is counted, then masked until re-armed."""

from __future__ import annotations

import threading

__all__ = ["InterruptLine"]


class InterruptLine:
    """A level-sensitive line."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._high = False
        self._masked = False
        self._count = 0

    @property
    def high(self) -> bool:
        """The level."""
        with self._changed:
            return self._high

    @property
    def count(self) -> int:
        """How often it was taken: what a read of the UIO node gives."""
        with self._changed:
            return self._count

    def drive(self, high: bool) -> None:
        """The fabric sets the level."""
        with self._changed:
            if high != self._high:
                self._high = high
                self._take()

    def arm(self) -> None:
        """What writing 1 to the UIO node does. A line that is still high is taken at once."""
        with self._changed:
            self._masked = False
            self._take()

    def mask(self) -> None:
        """What writing 0 to the UIO node does."""
        with self._changed:
            self._masked = True

    def _take(self) -> None:
        if self._high and not self._masked:
            self._masked = True
            self._count += 1
        self._changed.notify_all()

    def wait_high(self, timeout_s: float) -> bool:
        """Whether the line is high, within ``timeout_s`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._high, timeout_s)

    def wait_count(self, seen: int, timeout_s: float) -> int | None:
        """The count as soon as it is not ``seen``, as a blocking read of the UIO node; None after ``timeout_s``."""
        with self._changed:
            return self._count if self._changed.wait_for(lambda: self._count != seen, timeout_s) else None
