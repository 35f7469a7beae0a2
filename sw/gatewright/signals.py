"""Signals that end a process end it as errors do: what is open is closed, and an accelerator comes to rest.

Without that the system takes the memory of a process that is told to end, or whose terminal went away (a lost ssh),
while the accelerator still writes there.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["EndedBySignal", "ended_by_signals"]

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class EndedBySignal(SystemExit):
    """By which libraries that call ``sys.exit`` of their own are told apart."""


@contextmanager
def ended_by_signals(*more: int) -> Iterator[None]:
    """SIGTERM, SIGHUP and ``more`` raise ``EndedBySignal(128 + n)`` in the body; another one of them does not break off
    what that begins.

    One that is ignored already, as by nohup, stays so. Outside the main thread, which alone gets signals, nothing
    changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise EndedBySignal(128 + number)

    before = {number: signal.getsignal(number) for number in (*_ENDING, *more)}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
