"""Ends from outside: in real processes, at every moment from the first import on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gatewright.signals import ended_by_signals

TIMEOUT_S = 120
MODULES = ("gatewright", "gatewright.recommender")

IMPORTING = """
import runpy, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == "numpy":
            signal.raise_signal(int(sys.argv[1]))

sys.meta_path.insert(0, Interrupting())
runpy.run_module(sys.argv[2], run_name="__main__")
"""
WORKING = """
import signal, sys, threading
from gatewright.signals import ended_by_signals

with ended_by_signals():
    try:
        print("at work", flush=True)
        threading.Event().wait(60)
    finally:
        signal.raise_signal(signal.SIGTERM)  # the second does not break off what the first has begun
        print("closed", flush=True)
"""


def _run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_while_a_command_is_imported(number: signal.Signals, code: int, module: str) -> None:
    done = _run(IMPORTING, int(number), module)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("module", MODULES)
def test_a_command_begins_before_numpy_is_there(module: str) -> None:
    done = _run("import sys; __import__(sys.argv[1] + '.__main__'); print('numpy' in sys.modules)", module)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_is_open_is_closed(number: signal.Signals, code: int) -> None:
    with subprocess.Popen([sys.executable, "-c", WORKING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(number)
        assert process.communicate(timeout=TIMEOUT_S)[0] == "closed\n"
    assert process.returncode == code


def test_what_is_ignored_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by nohup; and afterwards all is as it was."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_simulation_in_mid_program(tmp_path: Path) -> None:
    """`gatewright` by the RTL: no traceback, and the exit code of shells."""
    command = [sys.executable, "-m", "gatewright", "selftest", "--backend", "rtl", "--config", "tiny"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stderr is not None
        assert "opening rtl" in process.stderr.readline()
        process.terminate()
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out, err) == (143, "", "")
