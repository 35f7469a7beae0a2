"""Who may use an accelerator: one thread at a time, until it is closed, in the process that opened it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar
from weakref import WeakKeyDictionary

from gatewright.driver.backend import Backend, DeviceMemory
from gatewright.driver.errors import AcceleratorClosed, DriverError, ForkedAccelerator

__all__ = ["Gate", "Guarded", "exclusive", "gate_of"]

P = ParamSpec("P")
R = TypeVar("R")


class Gate:
    """Stands before one open backend and lets one call after the other through.

    The lock is entered by a ``with`` statement of its own and by nothing else: a KeyboardInterrupt that comes while a
    thread waits takes nothing, and one that comes later finds the block that gives the lock back.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._occupied = False
        self._closed = False
        self._released = False
        self._dropped: deque[DeviceMemory] = deque()
        self._worker = ThreadPoolExecutor(1, "gatewright", self._note_worker)  # it starts with the first awaited call
        self._worker_thread: int | None = None

    def check(self) -> None:
        """Raise :class:`AcceleratorClosed` or :class:`ForkedAccelerator` where no call can be taken any more."""
        if os.getpid() != self._process:
            raise ForkedAccelerator(self._process)
        if self._closed:
            raise AcceleratorClosed

    def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """``function``'s result; it has the accelerator to itself.

        Raises as :meth:`check`, and :class:`DriverError` from a signal handler or finaliser that interrupts a call.
        """
        self.check()  # in a forked process, the lock may be held for ever
        with self._lock:
            self._enter()
            try:
                self._occupied = True
                self._free_dropped()
                return function(*args, **kwargs)
            finally:
                try:
                    self._free_dropped()
                finally:
                    self._occupied = False

    async def run_async(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """``function``'s result from the accelerator's own thread, which takes such functions in order.

        Cancelled before its turn, it does not run; cancelled later, it runs to its end and its result is dropped.
        Raises as :meth:`check`, and :class:`DriverError` from a function that runs in that thread already.
        """
        self.check()
        if threading.get_ident() == self._worker_thread:
            raise DriverError("an awaited call awaits another one of the same accelerator, allowed: calling it")
        try:
            waiting = self._worker.submit(function, *args, **kwargs)
        except RuntimeError:  # closed a moment ago
            self.check()
            raise
        return await asyncio.wrap_future(waiting)

    def free(self, memory: DeviceMemory) -> None:
        """Free device memory, or leave that to the end of the call that runs, which is not waited for: a finaliser may
        free what the very call that it interrupts still uses."""
        if self._closed or os.getpid() != self._process:
            return  # it went with the backend, or is the parent's
        self._dropped.append(memory)
        if not self._occupied:
            with suppress(AcceleratorClosed):
                self.run(_nothing)

    def close(self, release: Callable[[], None]) -> None:
        """Let the running call end, refuse all others, and ``release`` what is behind; a second call does nothing.

        In a forked process nothing happens: what is behind is the parent's.
        """
        if os.getpid() != self._process:
            return
        with self._lock:
            if self._occupied:
                self._enter()
            self._closed = True
            self._worker.shutdown(wait=False)
            if not self._released:
                release()
                self._released = True  # an interrupted release is for the next call

    def _enter(self) -> None:
        """Once the lock is held: closed while it was waited for, or held by this very thread."""
        self.check()
        if self._occupied:
            raise DriverError("the accelerator is called by a signal handler or finaliser while it runs a call")

    def _note_worker(self) -> None:
        self._worker_thread = threading.get_ident()

    def _free_dropped(self) -> None:
        while self._dropped:
            self._dropped.popleft().free()


def _nothing() -> None:
    pass


_GATES: WeakKeyDictionary[Backend, Gate] = WeakKeyDictionary()


def gate_of(backend: Backend) -> Gate:
    """The one gate of an open backend, whoever asks for it."""
    return _GATES.setdefault(backend, Gate())


class Guarded(Protocol):
    """What :func:`exclusive` needs to know of a method's object."""

    @property
    def _gate(self) -> Gate: ...


S = TypeVar("S", bound=Guarded)


def exclusive(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A method that has the accelerator to itself (:meth:`Gate.run`). It calls no other such method."""

    @wraps(method)
    def alone(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._gate.run(method, self, *args, **kwargs)

    return alone
