"""Threads, asyncio, interrupts, forks and closing: whoever comes in between, results are right or an error is named."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from gatewright.driver import Accelerator, AcceleratorClosed, AcceleratorError, DriverError, ForkedAccelerator
from gatewright.spec.config import get_config
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.fixed import Requantise
from gatewright_sim.golden.backend import GoldenBackend

BACKENDS = ("golden", "board", "rtl")
SOON_S = 30.0
"""Far more than anything here takes; a wait that reaches it has failed."""

Open = Callable[..., Accelerator]


class Work:
    """Three kinds of call with their right answers, for one accelerator; data differ from number to number."""

    def __init__(self, accelerator: Accelerator, programs: Any) -> None:
        self.accelerator = accelerator
        self.weight = programs.WEIGHT
        self.on_device = accelerator.upload(self.weight)
        self.linear = accelerator.load(programs.linear())
        self.units = np.float32(programs.X_SCALE), np.float32(programs.Y_SCALE)

    def is_right(self, number: int) -> bool:
        """Make the call with a number; whether its result is right."""
        kind = (self._gemm, self._program, self._aggregate)[number % 3]
        return kind(np.random.default_rng(number))

    def _gemm(self, rng: np.random.Generator) -> bool:
        a = rng.integers(-128, 128, (rng.integers(1, 12), 24)).astype(np.int8)
        c = self.accelerator.gemm(a, self.on_device if rng.integers(2) else self.weight)
        return np.array_equal(c, a.astype(np.int32) @ self.weight.T.astype(np.int32))

    def _program(self, rng: np.random.Generator) -> bool:
        x = rng.integers(-100, 100, (4, 24))
        y = self.linear(x=x * self.units[0])["y"]
        return np.array_equal(y, (x @ self.weight.T.astype(np.int32)) * self.units[1])

    def _aggregate(self, rng: np.random.Generator) -> bool:
        edges = int(rng.integers(1, 40))
        row_ptr = np.array([0, *np.sort(rng.integers(0, edges + 1, 4)), edges], np.uint32)
        col, weight = rng.integers(0, 7, edges).astype(np.uint32), rng.integers(-2, 3, edges).astype(np.int16)
        x = rng.integers(-20, 20, (7, 8)).astype(np.int8)
        dense = np.zeros((5, 7), np.int64)
        np.add.at(dense, (np.repeat(np.arange(5), np.diff(row_ptr)), col), weight)
        y = self.accelerator.aggregate(CsrMatrix(row_ptr, col, weight, 7, 1.0), x, Requantise(32768, 15))
        return np.array_equal(y, np.clip(dense @ x, -128, 127))


@contextmanager
def held(accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Another thread has the accelerator, in the middle of a call, until the block ends; gives the call's future."""
    inside, go_on = threading.Event(), threading.Event()
    honest = accelerator.backend.wait

    def wait(timeout_s: float) -> bool:
        inside.set()
        assert go_on.wait(SOON_S)
        return honest(timeout_s)

    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(accelerator.backend, "wait", wait)
        call = pool.submit(accelerator.gemm, *_operands())
        try:
            assert inside.wait(SOON_S)
            yield call
        finally:
            go_on.set()


def _operands() -> tuple[np.ndarray, np.ndarray]:
    return np.full((3, 8), 2, np.int8), np.full((5, 8), 3, np.int8)


def _works(accelerator: Accelerator) -> bool:
    return bool((accelerator.gemm(*_operands()) == 48).all())


# ---- threads


@pytest.mark.parametrize("backend", BACKENDS)
def test_six_threads_share_an_accelerator_and_its_programs(backend: str, open_accelerator: Open, programs: Any) -> None:
    work = Work(open_accelerator(backend), programs)
    with ThreadPoolExecutor(6) as pool:
        right = list(pool.map(work.is_right, range(240)))
    assert right == [True] * 240
    assert work.accelerator.report().programs == 240


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_error_is_that_of_the_thread_which_made_it(backend: str, open_accelerator: Open, programs: Any) -> None:
    work = Work(open_accelerator(backend), programs)

    def call(number: int) -> bool:
        if number % 4:
            return work.is_right(number)
        return _raises(AcceleratorError, lambda: work.accelerator.run([bytes(64)]), "BAD_OPCODE")

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(call, range(80)))
    assert work.accelerator.report().programs == 60


def test_accelerators_over_one_backend_take_turns(programs: Any) -> None:
    backend = GoldenBackend(get_config("tiny"))
    work = [Work(Accelerator("tiny", backend), programs) for _ in range(2)]
    with ThreadPoolExecutor(6) as pool:
        right = list(pool.map(lambda number: work[number % 2].is_right(number), range(240)))
    assert right == [True] * 240
    work[0].accelerator.close()
    with pytest.raises(AcceleratorClosed):
        work[1].is_right(0)


@pytest.mark.parametrize("backends", [("golden", "golden"), ("rtl", "rtl"), ("golden", "rtl")])
def test_several_accelerators_run_side_by_side(
    backends: tuple[str, str], open_accelerator: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerators = [open_accelerator(backend) for backend in backends]
    meeting = threading.Barrier(2)
    for accelerator in accelerators:
        honest = accelerator.backend.wait
        monkeypatch.setattr(
            accelerator.backend,
            "wait",
            lambda timeout_s, honest=honest: meeting.wait(SOON_S) >= 0 and honest(timeout_s),
        )
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(_works, accelerators)) == [True, True]


def test_memory_is_shared_by_threads(open_accelerator: Open, rng: np.random.Generator) -> None:
    accelerator = open_accelerator("golden")
    values = rng.integers(-128, 128, (6, 40, 9)).astype(np.int8)

    def keep(mine: np.ndarray) -> bool:
        right = True
        for _ in range(40):
            with accelerator.upload(mine) as array:
                right &= np.array_equal(array.numpy(), mine)
                array.write(mine[::-1])
                right &= np.array_equal(accelerator.gemm(array, mine), _product(mine[::-1], mine))
        return right

    before = sum(accelerator.backend._memory._used.values())
    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(keep, values))
    assert _works(accelerator)  # frees what was given back while a call ended
    accelerator._arena.release()
    assert sum(accelerator.backend._memory._used.values()) == before


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.astype(np.int32) @ b.T.astype(np.int32)


def test_programs_come_and_go_while_others_run(open_accelerator: Open, programs: Any) -> None:
    accelerator = open_accelerator("golden")
    work = Work(accelerator, programs)

    def come_and_go(number: int) -> bool:
        with accelerator.load(programs.linear(1 + number % 3, 1000 * number)) as loaded:
            assert loaded(x=np.zeros((4, 24)))["y"].max() == 0
        return work.is_right(number)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(come_and_go, range(60)))


def test_every_call_has_its_own_report(open_accelerator: Open, programs: Any) -> None:
    loaded = open_accelerator("golden").load(programs.attention())

    def bucket(tokens: int) -> int:
        inputs = {"x": np.ones((1, tokens, 16)), "m": np.ones((1, tokens), bool)}
        _, report = loaded.call_with_report(**inputs)
        return report.variant.dims["tokens"]

    with pytest.raises(DriverError, match="program 'test' has not been called"):
        _ = loaded.report
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(bucket, [3, 12] * 30)) == [8, 16] * 30
    assert loaded.report.variant.dims["tokens"] in (8, 16)


def test_results_are_copies(open_accelerator: Open, programs: Any) -> None:
    accelerator = open_accelerator("golden")
    loaded, array = accelerator.load(programs.linear()), accelerator.upload(np.arange(8))
    results = [loaded(x=np.ones((4, 24)))["y"], accelerator.gemm(*_operands()), array.numpy()]
    before = [result.copy() for result in results]
    loaded(x=np.zeros((4, 24)))
    accelerator.gemm(*(2 * operand for operand in _operands()))
    array.write(np.zeros(8, int))
    assert all(map(np.array_equal, results, before))
    memory = accelerator.backend._memory.array
    assert not any(np.shares_memory(result, memory) for result in results)


def test_registers_are_read_between_calls(open_accelerator: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    accelerator = open_accelerator("golden")
    with ThreadPoolExecutor(1) as pool, held(accelerator, monkeypatch) as call:
        count = pool.submit(accelerator.registers.read, "PROGRAM_COUNT")
        time.sleep(0.02)
        assert not call.done()
        assert not count.done()
    assert count.result() == 1


# ---- asyncio


@pytest.mark.parametrize("backend", ["golden", "rtl"])
@pytest.mark.parametrize("own", [True, False], ids=["call_async", "to_thread"])
def test_gather_over_two_accelerators(own: bool, backend: str, open_accelerator: Open, programs: Any) -> None:
    work = [Work(open_accelerator(backend), programs) for _ in range(2)]

    def call(number: int) -> Any:
        one = work[number % 2]
        return one.accelerator.call_async(one.is_right, number) if own else asyncio.to_thread(one.is_right, number)

    async def all_calls() -> list[bool]:
        return await asyncio.gather(*map(call, range(48)))

    assert asyncio.run(all_calls()) == [True] * 48


def test_a_program_is_awaited(open_accelerator: Open, programs: Any) -> None:
    loaded = open_accelerator("golden").load(programs.linear())

    async def calls() -> list[dict[str, np.ndarray]]:
        return await asyncio.gather(*(loaded.call_async(x=np.full((4, 24), number)) for number in range(5)))

    for number, outputs in enumerate(asyncio.run(calls())):
        assert np.array_equal(outputs["y"], loaded(x=np.full((4, 24), number))["y"])


def test_an_awaited_call_cannot_await_another(open_accelerator: Open) -> None:
    accelerator = open_accelerator("golden")

    def nested() -> Any:
        return asyncio.run(accelerator.call_async(_works, accelerator))

    async def outer() -> None:
        with pytest.raises(DriverError, match="an awaited call awaits another one of the same accelerator"):
            await accelerator.call_async(nested)
        assert await accelerator.call_async(_works, accelerator)

    asyncio.run(outer())


def test_a_cancelled_call_leaves_the_accelerator_usable(
    open_accelerator: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = open_accelerator("golden")
    ran: list[str] = []

    async def cancel_two() -> None:
        with held(accelerator, monkeypatch):
            running = asyncio.create_task(accelerator.call_async(lambda: (ran.append("first"), _works(accelerator))))
            waiting = asyncio.create_task(accelerator.call_async(ran.append, "second"))
            while not ran:
                await asyncio.sleep(0.001)
            running.cancel()
            waiting.cancel()
            for task in (running, waiting):
                with pytest.raises(asyncio.CancelledError):
                    await task
        assert await accelerator.call_async(_works, accelerator)

    asyncio.run(cancel_two())
    assert ran == ["first"]
    assert accelerator.report().programs == 3  # the holder's, the cancelled one's and the last


# ---- interrupts


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("interruptible")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in a __del__ of pynq's
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_keyboard_interrupt_while_others_wait(backend: str, open_accelerator: Open, programs: Any) -> None:
    work = Work(open_accelerator(backend), programs)
    stop, begun, taken = threading.Event(), threading.Event(), threading.Event()

    def busy(number: int) -> bool:
        right = True
        while not stop.is_set():
            right &= work.is_right(number)
            number += 3
        return right

    def interrupt(delay_s: float) -> None:
        assert begun.wait(SOON_S)
        time.sleep(delay_s)
        while True:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            if taken.wait(2.0):  # Python ignores an interrupt that comes while an object's __del__ runs
                break

    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(busy, number) for number in range(3)]
        try:
            for round_ in range(8):
                begun.clear()
                taken.clear()
                sender = pool.submit(interrupt, 0.003 * round_)
                with pytest.raises(KeyboardInterrupt):
                    _call_for_ever(work, begun)
                taken.set()
                sender.result(SOON_S)
        finally:
            stop.set()
        assert all(other.result(SOON_S) for other in others)
    assert [work.is_right(number) for number in range(6)] == [True] * 6


def _call_for_ever(work: Work, begun: threading.Event) -> None:
    for number in itertools.count():
        begun.set()
        work.is_right(number)


def test_a_finaliser_in_the_middle_of_a_call_frees_and_no_more(
    open_accelerator: Open, programs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = open_accelerator("golden")
    backend = accelerator.backend
    assert _works(accelerator)
    before = sum(backend._memory._used.values())
    array, loaded = accelerator.upload(np.arange(4)), accelerator.load(programs.linear())
    honest = backend.wait
    refused: list[BaseException] = []

    def wait(timeout_s: float) -> bool:
        array.free()
        loaded.close()
        assert sum(backend._memory._used.values()) > before  # as long as a call may use it
        for call in (lambda: _works(accelerator), accelerator.report, accelerator.close):
            with pytest.raises(DriverError, match="signal handler or finaliser") as caught:
                call()
            refused.append(caught.value)
        return honest(timeout_s)

    with monkeypatch.context() as patch:
        patch.setattr(backend, "wait", wait)
        assert _works(accelerator)
    assert len(refused) == 3
    assert sum(backend._memory._used.values()) == before
    assert _works(accelerator)


# ---- forks


def _in_a_fork(child: Callable[[], bool]) -> bool:
    """Whether ``child`` is true in a forked process, which is killed when it hangs."""
    process = os.fork()
    if process == 0:
        good = False
        try:
            good = child()
        finally:
            os._exit(0 if good else 1)
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False


def _raises(error: type[Exception], call: Callable[[], Any], message: str = "") -> bool:
    try:
        call()
    except error as caught:
        return message in str(caught)
    return False


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_is_told_so_and_harms_nothing(
    backend: str, open_accelerator: Open, programs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = open_accelerator(backend)
    calls = _every_call(accelerator, programs)
    reason = f"was opened by process {os.getpid()}, of which this process"

    def child() -> bool:
        named = all(_raises(ForkedAccelerator, call, reason) for call in calls.values())
        accelerator.close()
        with Accelerator("tiny", "golden") as own:
            return named and _works(own)

    with held(accelerator, monkeypatch):  # by a thread that the child does not have
        assert _in_a_fork(child)
    assert _works(accelerator)


# ---- closing


def _every_call(accelerator: Accelerator, programs: Any) -> dict[str, Callable[[], Any]]:
    """Everything that asks something of an accelerator."""
    array, loaded = accelerator.upload(np.arange(4)), accelerator.load(programs.linear())
    csr = CsrMatrix(np.array([0, 1], np.uint32), np.zeros(1, np.uint32), np.ones(1, np.int16), 1, 1.0)
    a, one = np.ones((1, 8), np.int8), Requantise(32768, 15)
    return {
        "upload": lambda: accelerator.upload(np.arange(4)),
        "write": lambda: array.write(np.arange(4)),
        "numpy": array.numpy,
        "run": lambda: accelerator.run([bytes(64)]),
        "gemm": lambda: accelerator.gemm(a, a),
        "attention": lambda: accelerator.attention(a, a, a, 1, one, one),
        "aggregate": lambda: accelerator.aggregate(csr, a, one),
        "load": lambda: accelerator.load(programs.linear()),
        "load a file": lambda: accelerator.load("none.gwp"),
        "call": lambda: loaded(x=np.ones((4, 24))),
        "call with bad inputs": lambda: loaded(y=1),
        "call_async": lambda: asyncio.run(loaded.call_async(x=np.ones((4, 24)))),
        "anything async": lambda: asyncio.run(accelerator.call_async(print)),
        "report": accelerator.report,
        "reset_report": accelerator.reset_report,
        "register": lambda: accelerator.registers.STATUS,
        "registers.write": lambda: accelerator.registers.write("WATCHDOG", 5),
        "registers.snapshot": lambda: accelerator.registers.snapshot(["ID"]),
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_after_close_every_call_says_so(backend: str, open_accelerator: Open, programs: Any) -> None:
    accelerator = open_accelerator(backend)
    array, loaded = accelerator.upload(np.arange(4)), accelerator.load(programs.linear())
    calls = _every_call(accelerator, programs)
    behind = accelerator.backend
    calls |= {
        "backend.read": lambda: behind.read(0),
        "backend.write": lambda: behind.write(0x40, 0),
        "backend.allocate": lambda: behind.allocate(64),
        "backend.wait": lambda: behind.wait(0.01),
        "backend.reset": behind.reset,
        "another accelerator over it": lambda: Accelerator("tiny", behind),
    }
    accelerator.close()
    accelerator.close()
    behind.close()
    said = {name: _raises(AcceleratorClosed, call, "this accelerator has been closed") for name, call in calls.items()}
    assert said == dict.fromkeys(calls, True)
    loaded.close()
    array.free()


def test_close_waits_for_the_running_call_and_turns_away_the_others(
    open_accelerator: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = open_accelerator("golden")
    with ThreadPoolExecutor(2) as pool, held(accelerator, monkeypatch) as running:
        closing = pool.submit(accelerator.close)
        waiting = pool.submit(_works, accelerator)
        time.sleep(0.02)
        assert not any(call.done() for call in (running, closing, waiting))
    assert (running.result() == 48).all()
    assert waiting.exception() is None or isinstance(waiting.exception(), AcceleratorClosed)
    with pytest.raises(AcceleratorClosed):
        _works(accelerator)


def test_an_interrupted_close_is_made_up_for(open_accelerator: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    accelerator = open_accelerator("golden")
    closed: list[bool] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(accelerator.backend, "close", interrupt)
        with pytest.raises(KeyboardInterrupt):
            accelerator.close()
        patch.setattr(accelerator.backend, "close", lambda: closed.append(True))
        with pytest.raises(AcceleratorClosed):
            _works(accelerator)
        accelerator.close()
        accelerator.close()
    assert closed == [True]
