"""How much time and memory a case may take."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["MOST_BYTES", "MOST_SECONDS", "TooLarge", "TooSlow", "bounded"]

MOST_SECONDS = 20.0
"""Of the processor, by one case."""
MOST_BYTES = 1 << 30
"""Of memory beyond what has been used before, by one case."""


class TooSlow(Exception):
    """A case that takes more than MOST_SECONDS."""


class TooLarge(Exception):
    """A case that takes more than MOST_BYTES."""


@contextmanager
def bounded() -> Iterator[None]:
    """Raise :class:`TooSlow` inside of the body, and :class:`TooLarge` behind it. For the main thread.

    Counts the processor's time, which does not depend on what else runs.
    """
    before = _peak()
    previous = signal.signal(signal.SIGPROF, _too_slow)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS, MOST_SECONDS)  # again, where a handler swallows it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
    if (more := _peak() - before) > MOST_BYTES:
        raise TooLarge(f"{more:,} bytes, allowed {MOST_BYTES:,}")


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"not done after {MOST_SECONDS:g} s")


def _peak() -> int:
    """Bytes of memory at the most so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
