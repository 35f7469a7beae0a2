"""How the command ends: its exit codes, one line on stderr for whatever goes wrong, and streams that nobody reads."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from gatewright.cli import app, console
from gatewright.cli import info as command
from gatewright.driver.errors import AcceleratorTimeout
from gatewright.program import save_program
from gatewright.spec.errors import GatewrightError


def _one_line(done: Any, message: str) -> None:
    assert done.code == 2
    assert done.err == f"error: {message}\n"


HINT = " (GATEWRIGHT_TRACEBACK=1 shows where)"
ERRORS: dict[str, tuple[BaseException, str]] = {
    "ours": (GatewrightError("m is 0, allowed 1.."), "m is 0, allowed 1.."),
    "ours and the system's": (
        AcceleratorTimeout("1 s", 0, None, {}),
        "engine sequencer, command 0: not done after 1 s; ",
    ),
    "memory": (MemoryError(), "out of memory"),
    "an array's memory": (MemoryError("Unable to allocate 8 TiB"), "out of memory: Unable to allocate 8 TiB"),
    "full disk": (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    "a file": (PermissionError(errno.EACCES, "Permission denied", "/a/b"), "/a/b: Permission denied"),
    "no system's": (OSError("12 requested and 3 written"), "unexpected OSError: 12 requested and 3 written" + HINT),
    "missing extra": (
        ModuleNotFoundError("No module named 'torch'", name="torch.nn"),
        "this command needs torch: pip install 'gatewright[cli,sim,models]'",
    ),
    "missing extra of a board": (
        ModuleNotFoundError("No module named 'typer'", name="typer"),
        "this command needs typer: pip install 'gatewright[board]'",
    ),
    "missing part": (
        ModuleNotFoundError("No module named 'gatewright.x'", name="gatewright.x"),
        "unexpected ModuleNotFoundError: No module named 'gatewright.x'" + HINT,
    ),
    "end of file": (EOFError("Ran out of input"), "unexpected end of a file or pipe: Ran out of input"),
    "pipe": (BrokenPipeError(errno.EPIPE, "Broken pipe"), "unexpected end of a file or pipe: [Errno 32] Broken pipe"),
    "key": (KeyError("x"), "unexpected KeyError: 'x'" + HINT),
    "several lines": (RuntimeError("first\nsecond"), "unexpected RuntimeError: first" + HINT),
    "no words": (AssertionError(), "unexpected AssertionError: " + HINT),
    "recursion": (RecursionError("too deep"), "unexpected RecursionError: too deep" + HINT),
}


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Lets `gatewright info` raise."""

    def arrange(error: BaseException) -> None:
        def fail(name: str) -> None:
            raise error

        monkeypatch.setattr(command, "get_config", fail)

    return arrange


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_is_one_line(case: str, raising: Any, gatewright: Any) -> None:
    error, message = ERRORS[case]
    raising(error)
    _one_line(gatewright("info"), message)


def _commands(command: Any = None, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command and group of commands, as one writes it."""
    command = command or typer.main.get_command(app)
    below = getattr(command, "commands", {})
    return [path, *(each for name, child in below.items() for each in _commands(child, (*path, name)))]


@pytest.mark.parametrize("path", _commands(), ids=" ".join)
def test_an_option_that_is_none_is_one_line(path: tuple[str, ...], gatewright: Any) -> None:
    done = gatewright(*path, "--fly")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: no such option: --fly")
    assert done.err.endswith(f"{' '.join(path)} --help)\n")
    assert done.err.count("\n") == 1


USAGE: dict[str, tuple[list[str], str]] = {
    "no value": (["recommend", "--user"], "option '--user' requires an argument"),
    "no number": (["recommend", "--user", "x"], "invalid value for '--user': "),
    "out of range": (["board", "serve", "--port", "65536"], "invalid value for '--port': "),
    "missing option": (["compile", "x.onnx"], "missing option '--output'"),
    "missing argument": (["inspect"], "missing argument "),
    "one argument too many": (["inspect", "a", "b"], "got unexpected extra argument"),
    "no command": (["fly"], "no such command 'fly'"),
    "no command below": (["bench", "fly"], "no such command 'fly'"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage_is_one_line(case: str, gatewright: Any) -> None:
    arguments, message = USAGE[case]
    done = gatewright(*arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {message}"), done.err


def test_a_group_without_a_command_gives_its_help(gatewright: Any) -> None:
    done = gatewright("bench")
    assert "Usage: " in done.out
    assert done.err == ""


def test_a_traceback_on_demand(raising: Any, gatewright: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_TRACEBACK", "1")
    raising(KeyError("x"))
    done = gatewright("info")
    assert done.code == 2
    assert done.err.startswith("Traceback")
    assert done.err.endswith("error: unexpected KeyError: 'x' (GATEWRIGHT_TRACEBACK=1 shows where)\n")


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_commands_own_exit_code(code: int, raising: Any, gatewright: Any) -> None:
    raising(typer.Exit(code))
    done = gatewright("info")
    assert (done.code, done.err) == (code, "")


def test_an_interrupt(raising: Any, gatewright: Any) -> None:
    raising(KeyboardInterrupt())
    done = gatewright("info")
    assert (done.code, done.err) == (130, "")


# ---- streams


class Stream(io.TextIOWrapper):
    """A stream whose every write fails."""

    def __init__(self, error: int) -> None:
        super().__init__(os.fdopen(os.open(os.devnull, os.O_WRONLY), "wb"), "utf-8")
        self.error = error

    def write(self, text: str) -> int:
        raise OSError(self.error, "No space left on device" if self.error == errno.ENOSPC else "Broken pipe")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Lets stdout or stderr fail with an error of the system."""
    for each in (console.console, console._results):
        monkeypatch.setattr(each, "quiet", False)
    return lambda name, error: monkeypatch.setattr(sys, name, Stream(error))


COMMANDS = (["info"], ["--help"], ["--version"], ["inspect", "linear.gwp"], ["inspect", "linear.gwp", "--json", "-"])


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_stdout(arguments: list[str], saved: Any, gatewright: Any, failing: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(saved().parent)
    failing("stdout", errno.ENOSPC)
    done = gatewright(*arguments)
    assert done.code == 2
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert "No space left on device" in line


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_reader_that_has_gone(
    arguments: list[str], saved: Any, gatewright: Any, failing: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(saved().parent)
    failing("stdout", errno.EPIPE)
    done = gatewright(*arguments)
    assert (done.code, "error: " in done.err) == (0, False)


def test_a_stderr_that_cannot_be_written_ends_without_a_word(gatewright: Any, failing: Any) -> None:
    failing("stderr", errno.ENOSPC)
    assert gatewright("info").code == 2


@pytest.mark.parametrize("stdout", [errno.EPIPE, errno.ENOSPC])
def test_files_are_written_before_anything_is_printed(
    stdout: int, saved: Any, tmp_path: Path, gatewright: Any, failing: Any
) -> None:
    program = saved()
    failing("stdout", stdout)
    done = gatewright("inspect", program, "--html", tmp_path / "page.html", "--json", tmp_path / "result.json")
    assert done.code == (0 if stdout == errno.EPIPE else 2)
    assert "</html>" in (tmp_path / "page.html").read_text()
    assert (tmp_path / "result.json").read_text().endswith("}\n")


def test_a_pipe_into_head(saved: Any, tmp_path: Path) -> None:
    """As in a shell, with the interpreter's own last flush."""
    page = tmp_path / "page.html"
    arguments = [sys.executable, "-m", "gatewright", "inspect", str(saved()), "--html", str(page)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.close()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Exception" not in err
    assert "</html>" in page.read_text()


def test_a_full_device(saved: Any) -> None:
    with Path("/dev/full").open("w") as full:
        arguments = [sys.executable, "-m", "gatewright", "inspect", str(saved())]
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (2, "error: standard output: No space left on device\n")


def test_letters_that_a_terminal_does_not_have(
    programs: Any, tmp_path: Path, gatewright: Any, monkeypatch: Any
) -> None:
    save_program(replace(programs.linear(), name="π"), tmp_path / "a.gwp")
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(console.output(), "_width", 200)
    done = gatewright("inspect", tmp_path / "a.gwp")
    assert done.code == 0, done.err
    assert b"\\u03c0" in stream.buffer.getvalue()
