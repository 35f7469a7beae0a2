"""The programs of a build, one after the other: each with a timeout, its output in a log, its failure in one line."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gatewright_hw.build.errors import BuildError, TookTooLong

__all__ = ["Steps"]


@dataclass(frozen=True)
class Steps:
    """Runs programs in a folder of their own.

    Parameters
    ----------
    folder : where they run and write.
    log : the file that their output is added to.
    timeout_s : for each of them.
    environment : added to ours.
    """

    folder: Path
    log: Path
    timeout_s: float
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, step: str, command: Sequence[str], makes: Sequence[str] = ()) -> str:
        """Run ``command``; its output.

        Raises :class:`BuildError` that names ``step`` where the program is missing, fails, or leaves one of the files
        ``makes`` absent or empty; :class:`TookTooLong` once it has been ended, with all that it started.
        """
        for name in makes:
            (self.folder / name).unlink(missing_ok=True)
        try:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise BuildError(f"{step}: {command[0]} cannot be run: {error.strerror}") from None
        try:
            raw, _ = process.communicate(timeout=self.timeout_s)
        except subprocess.TimeoutExpired:
            self._note(step, command, _end(process))
            message = f"{step}: {_name(command)} took more than {self.timeout_s:g} s; log: {self.log}"
            raise TookTooLong(message) from None
        except BaseException:
            _end(process)
            raise
        output = self._note(step, command, raw)
        if process.returncode:
            raise BuildError(
                f"{step}: {_name(command)} ended with code {process.returncode}: {_last(output)}; log: {self.log}"
            )
        for name in makes:
            path = self.folder / name
            if not path.is_file() or not path.stat().st_size:
                raise BuildError(f"{step}: {_name(command)} wrote no {name}: {_last(output)}; log: {self.log}")
        return output

    def _note(self, step: str, command: Sequence[str], raw: bytes) -> str:
        output = raw.decode(errors="replace")
        with self.log.open("a") as file:
            file.write(f"== {step}: {' '.join(command)}\n{output}\n")
        return output


def _name(command: Sequence[str]) -> str:
    return Path(command[0]).name


def _last(output: str) -> str:
    """The line that says most: the last one with an error, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line.lower()]
    return (wrong or lines or ["it said nothing"])[-1][:300]


def _end(process: subprocess.Popen[bytes]) -> bytes:
    """End a program and its children, which hold the pipe that we would wait for; what it had said."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()[0]
