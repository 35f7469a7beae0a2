"""A coroutine of cocotb in a fork of the simulator."""

from __future__ import annotations

import atexit
import os
import resource
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from cocotb.utils import get_sim_time

__all__ = ["Fork", "run_apart"]

CPU_S = 120
"""Limit of one fork, in seconds of its own: logic that never settles takes no simulated time."""


@dataclass(frozen=True)
class Fork:
    """What came of it: how it failed, if it did, and the simulated ns until it passed."""

    failure: str | None
    ns: int


async def run_apart(body: Callable[[], Awaitable[None]]) -> Fork:
    """Run ``body`` as the present test in a fork, and return in the parent alone.

    In the fork the test ends with ``body``, be it by an exception in a task in the background, and cocotb writes its
    results where the parent reads them.
    """
    with tempfile.TemporaryDirectory(prefix="gatewright-mutant-") as folder:
        results = Path(folder) / "results.xml"
        pid = os.fork()
        if not pid:
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nothing, stream)
            os.environ["COCOTB_RESULTS_FILE"] = str(results)
            atexit.register(os._exit, 0)  # the simulator's threads, which its own end waits for, are not in the fork
            await body()
            raise _Passed(get_sim_time("ns"))
        return _outcome(results, _wait(pid))


class _Passed(Exception):
    """Ends the test of a fork."""


def _wait(pid: int) -> str | None:
    """How the process died, None where it ended by itself."""
    status = os.waitpid(pid, 0)[1]
    return f"the simulator ended with signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else None


def _outcome(results: Path, death: str | None) -> Fork:
    if death or not results.exists():
        return Fork(death or "the simulator stopped", 0)
    (case,) = ElementTree.parse(results).getroot().iter("testcase")
    failure = case.find("failure")
    if failure is None:
        failure = case.find("error")
    assert failure is not None, "a fork ends with an exception"
    kind, message = failure.get("type", ""), failure.get("message", "")
    return Fork(None, int(float(message))) if kind == _Passed.__name__ else Fork(f"{kind}: {message}", 0)
