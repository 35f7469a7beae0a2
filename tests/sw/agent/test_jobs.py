"""The queue before the accelerator: order, turns that never come, and the end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from gatewright.agent.errors import AgentBusy, AgentError
from gatewright.agent.jobs import Jobs
from gatewright.driver import AcceleratorTimeout


class End(BaseException):
    """What a signal would raise."""


def _end() -> None:
    raise End


def fail(error: Exception) -> None:
    raise error


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    """A queue whose "main thread" is another one; ends with the test."""
    made = Jobs()
    idles: list[float] = []

    def loop() -> None:
        with suppress(End):
            made.run((lambda: idles.append(time.monotonic()),))

    thread = threading.Thread(target=loop)
    thread.start()
    made.idles = idles
    made.thread = thread
    yield made
    if thread.is_alive():
        with pytest.raises(AgentError):
            do(made, _end)
    thread.join(10)
    assert not thread.is_alive()


def do(jobs: Jobs, function: Callable[..., object], *args: object, seconds: float = 10.0) -> object:
    return jobs.do(seconds, lambda drop: None, function, *args)


def test_results_and_errors(jobs: Jobs) -> None:
    assert do(jobs, max, 3, 5) == 5
    with pytest.raises(ValueError, match="invalid literal"):
        do(jobs, int, "x")
    with pytest.raises(AcceleratorTimeout, match="not done after 3 s"):
        do(jobs, fail, AcceleratorTimeout("3 s", 0, None, {}))
    assert do(jobs, threading.get_ident) == jobs.thread.ident


def test_one_after_the_other_in_order(jobs: Jobs) -> None:
    gate, seen = threading.Event(), []
    first = threading.Thread(target=do, args=(jobs, gate.wait, 10))
    first.start()
    others = []
    for number in range(8):
        others.append(threading.Thread(target=do, args=(jobs, seen.append, number)))
        others[-1].start()
        while jobs.waiting < number + 1:
            time.sleep(0.001)
    assert seen == []
    gate.set()
    for thread in (first, *others):
        thread.join(10)
    assert seen == list(range(8))


def test_a_turn_that_does_not_come_is_given_up(jobs: Jobs) -> None:
    gate, seen = threading.Event(), []
    first = threading.Thread(target=do, args=(jobs, gate.wait, 10))
    first.start()
    with pytest.raises(AgentBusy, match="was not begun"):
        do(jobs, seen.append, 1, seconds=0.05)
    gate.set()
    first.join(10)
    do(jobs, int)
    assert seen == []


def test_a_client_that_goes_away_loses_its_turn(jobs: Jobs) -> None:
    gate, seen, gone = threading.Event(), [], []
    first = threading.Thread(target=do, args=(jobs, gate.wait, 10))
    first.start()
    failed: list[Exception] = []

    def vanish() -> None:
        try:
            jobs.do(10, gone.append, seen.append, 1)
        except AgentError as error:
            failed.append(error)

    second = threading.Thread(target=vanish)
    second.start()
    while not gone:
        time.sleep(0.001)
    gone[0]()
    second.join(10)
    gate.set()
    first.join(10)
    do(jobs, int)
    assert seen == []
    assert "went away" in str(failed[0])


def test_the_end_is_told_to_whoever_waits(jobs: Jobs) -> None:
    gate, failed = threading.Event(), []

    def run(function: Callable[[], object]) -> None:
        try:
            do(jobs, function)
        except AgentError as error:
            failed.append(str(error))

    def wait_and_end() -> None:
        gate.wait(10)
        raise End

    threads = [threading.Thread(target=run, args=(wait_and_end,))]
    threads[0].start()
    threads.append(threading.Thread(target=run, args=(int,)))
    threads[1].start()
    while jobs.waiting < 1:
        time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert sorted(failed) == ["the agent is shutting down", "the agent is shutting down: the call was not finished"]
    with pytest.raises(AgentError, match="shutting down"):
        do(jobs, int)


def test_idle_work_is_done_between_jobs(jobs: Jobs) -> None:
    deadline = time.monotonic() + 20
    while not jobs.idles and time.monotonic() < deadline:
        do(jobs, int)
    assert jobs.idles
