"""Where the time of a call goes."""

import time

import numpy as np
import pytest

from gatewright.driver import Accelerator
from gatewright.driver.stopwatch import CallSeconds, Stopwatch
from gatewright.spec.config import get_config
from gatewright_sim.golden.backend import GoldenBackend


class SlowBackend(GoldenBackend):
    """Flushes and programs take 20 and 50 ms."""

    def allocate(self, nbytes, *, reads=True):
        return _Slow(super().allocate(nbytes))

    def wait(self, timeout_s):
        time.sleep(0.05)
        return super().wait(timeout_s)


class _Slow:
    def __init__(self, memory):
        self._memory = memory

    def __getattr__(self, name):
        return getattr(self._memory, name)

    def flush(self, *part):
        time.sleep(0.02)
        self._memory.flush(*part)


def test_the_parts_of_a_call(programs):
    with Accelerator("tiny", SlowBackend(get_config("tiny"))) as accelerator:
        _, report = accelerator.load(programs.linear()).call_with_report(x=np.zeros((4, 24), np.float32))
    seconds = report.seconds
    assert seconds.accelerator >= 0.05
    assert seconds.transfer >= 0.02
    assert seconds.total >= seconds.accelerator + seconds.transfer
    assert seconds.host == pytest.approx(seconds.total - seconds.accelerator - seconds.transfer)


def test_each_call_starts_from_zero():
    watch = Stopwatch()
    watch.transferring(lambda: time.sleep(0.01))
    watch.start()
    assert watch.stop().transfer == 0


def test_the_host_never_has_less_than_nothing():
    assert CallSeconds(1.0, 0.75, 0.5).host == 0
