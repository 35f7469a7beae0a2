"""A coroutine of cocotb in a fork of the simulator."""

from __future__ import annotations

import atexit
import os
import resource
import signal
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from cocotb.utils import get_sim_time

from gatewright_sim.mutation.job import NoVerdict

__all__ = ["Fork", "run_apart"]

CPU_S = 120
"""Limit of one fork, in seconds of its own: logic that never settles takes no simulated time."""
_TRIES = 2
"""Forks of one case at the most, where they are ended from outside."""
_ITS_OWN = (signal.SIGXCPU, signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
"""Signals by which a process ends through what it does itself; all others come from outside."""


@dataclass(frozen=True)
class Fork:
    """What came of it: how it failed, if it did, and the simulated ns until it passed."""

    failure: str | None
    ns: int


async def run_apart(body: Callable[[], Awaitable[None]]) -> Fork:
    """Run ``body`` as the present test in a fork, and return in the parent alone.

    In the fork the test ends with ``body``, be it by an exception in a task in the background, and cocotb writes its
    results where the parent reads them. A fork that is ended from outside, as by a kernel without memory, says nothing
    of the body: there is another one then, and in the end :class:`.job.NoVerdict` is raised.
    """
    for _ in range(_TRIES):
        fork, death = await _fork(body)
        if fork:
            return fork
    raise NoVerdict(f"the simulator was ended {_TRIES} times by signal {death} from outside: is there memory enough?")


async def _fork(body: Callable[[], Awaitable[None]]) -> tuple[Fork | None, int]:
    """What came of one fork, None where it was ended from outside; and the signal that ended it, or 0."""
    with tempfile.TemporaryDirectory(prefix="gatewright-mutant-", dir=Path.cwd()) as folder:
        results = Path(folder) / "results.xml"
        pid = os.fork()
        if not pid:
            # The soft limit ends it by SIGXCPU, a signal of its own; the hard one ends what does not take that.
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 10))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nothing, stream)
            os.environ["COCOTB_RESULTS_FILE"] = str(results)
            atexit.register(os._exit, 0)  # the simulator's threads, which its own end waits for, are not in the fork
            await body()
            raise _Passed(get_sim_time("ns"))
        status = os.waitpid(pid, 0)[1]
        death = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return (None if death and death not in _ITS_OWN else _outcome(results, death)), death


class _Passed(Exception):
    """Ends the test of a fork."""


def _outcome(results: Path, death: int) -> Fork:
    """``death`` is the signal that ended it, 0 where none did."""
    if death == signal.SIGXCPU:
        return Fork(f"no end after {CPU_S} s of the processor", 0)
    if death or not results.exists():
        return Fork(f"the simulator ended with signal {death}" if death else "the simulator stopped", 0)
    (case,) = ElementTree.parse(results).getroot().iter("testcase")
    failure = case.find("failure")
    if failure is None:
        failure = case.find("error")
    assert failure is not None, "a fork ends with an exception"
    kind, message = failure.get("type", ""), failure.get("message", "")
    return Fork(None, int(float(message))) if kind == _Passed.__name__ else Fork(f"{kind}: {message}", 0)
