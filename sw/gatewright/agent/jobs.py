"""All that touches the accelerator happens in one thread, the agent's main one, in the order in which it came.

pynq's devices want the main thread, and one thread needs no locks. The threads that talk to clients only wait here.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, ParamSpec, TypeVar

from gatewright.agent.errors import AgentBusy, AgentError

__all__ = ["Jobs"]

P = ParamSpec("P")
R = TypeVar("R")

IDLE_S = 0.5
"""Longest sleep of the main thread without work; then it looks after what has expired."""

_STOPPED = "the agent is shutting down"


class Jobs:
    """A queue of calls, and the loop that does them."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Jobs whose turn has not come."""
        return self._waiting.qsize()

    def do(
        self,
        seconds: float,
        gone: Callable[[Callable[[], object]], object],
        function: Callable[P, R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """``function``'s result, once it was its turn; from any thread but the main one.

        ``gone`` takes what is to be called when nobody waits for the result any more: a job whose turn has not come
        is then dropped. Raises :class:`AgentBusy` where the turn does not come in ``seconds``.
        """
        job: Future[R] = Future()
        with self._lock:
            if self._stopping.is_set():
                raise AgentError(_STOPPED)
            self._waiting.put((job, lambda: function(*args, **kwargs)))
        gone(job.cancel)
        try:
            job.exception(seconds)  # not result(): the job itself may raise a TimeoutError
        except FutureTimeout:
            if job.cancel():
                raise AgentBusy(f"calls of others kept the accelerator for {seconds:.3g} s: it was not begun") from None
            raise AgentBusy(f"the call was not done within {seconds:.3g} s: its result is dropped") from None
        except CancelledError:
            raise AgentError("the client went away before its turn came") from None
        return job.result()

    def run(self, idle: Iterable[Callable[[], None]]) -> None:
        """Do jobs for ever, in the main thread; ``idle`` are called between them. Ends by what a signal raises."""
        try:
            last = time.monotonic()
            while True:
                try:
                    job, work = self._waiting.get(timeout=IDLE_S)
                except queue.Empty:
                    pass
                else:
                    self._do(job, work)
                if time.monotonic() - last >= IDLE_S:
                    for each in idle:
                        each()
                    last = time.monotonic()
        finally:
            self._end()

    @staticmethod
    def _do(job: Future[Any], work: Callable[[], Any]) -> None:
        if not job.set_running_or_notify_cancel():
            return
        try:
            job.set_result(work())
        except Exception as error:
            job.set_exception(error)
        except BaseException:
            job.set_exception(AgentError(f"{_STOPPED}: the call was not finished"))
            raise

    def _end(self) -> None:
        with self._lock:
            self._stopping.set()
        while True:
            try:
                job, _ = self._waiting.get_nowait()
            except queue.Empty:
                return
            if job.set_running_or_notify_cancel():
                job.set_exception(AgentError(_STOPPED))
