"""How a command ends: its exit code, and in one line on stderr what kept it from its work.

0 done; 2 input, environment or anything else that kept the command from its work; 130 interrupted; 128 + n ended by
signal n; others are the command's own. GATEWRIGHT_TRACEBACK=1 adds where in the code an error came from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from gatewright.signals import ended_by_signals
from gatewright.spec.errors import GatewrightError

__all__ = ["outcome", "outcome_of"]

_ON_BOARDS = ("grpc", "rich", "tokenizers", "typer")
"""Packages of the extra ``board``."""


def outcome(command: Callable[[], int | None], *, extra: str | None = None) -> int:
    """Run ``command``, which imports what it needs itself: that takes a while in which Ctrl-C is no other than later.

    Its exit code; what it raises is said. ``extra``: of this package, with which all that the command needs is there.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # there may be none, or one of a test's
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # not every terminal has all
    try:
        with ended_by_signals():
            return _said(*_run(command, extra))
    except KeyboardInterrupt:  # in the last moment
        return 130


def outcome_of(module: str, *, extra: str) -> int:
    """The same of ``main`` in ``module``, which is not imported before."""
    return outcome(lambda: import_module(module).main(), extra=extra)


def _run(command: Callable[[], int | None], extra: str | None) -> tuple[int, str]:
    """Exit code, and what there is to say about it."""
    try:
        return command() or 0, ""
    except BrokenPipeError:
        return 0, ""  # nobody reads it any more
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            return 0, ""  # rich's way to end when nobody reads the help any more
        return (end.code or 0, "") if isinstance(end.code, int | None) else (2, str(end.code))
    except KeyboardInterrupt:
        return 130, ""
    except Exception as error:
        if os.environ.get("GATEWRIGHT_TRACEBACK"):
            import traceback

            traceback.print_exc()
        return 2, _sentence(error, extra)


def _said(code: int, message: str) -> int:
    """Say it, and let stdout go; the exit code that it comes to."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        from gatewright.files import reason, silence

        silence(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            code, message = 2, f"standard output: {reason(error)}"
    if message:
        try:
            print(f"error: {message}", file=sys.stderr, flush=True)
        except OSError:
            from gatewright.files import silence

            silence(sys.stderr)
    return code


def _sentence(error: Exception, extra: str | None) -> str:
    if isinstance(error, GatewrightError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "gatewright").startswith("gatewright"):
        needed = error.name.partition(".")[0]
        # The other extras' packages would replace an image's.
        extra = extra or ("board" if needed in _ON_BOARDS else "cli,sim,models")
        return f"this command needs {needed}: pip install 'gatewright[{extra}]'"
    from gatewright.files import reason

    if hasattr(error, "format_message"):  # click's, of which typer has its own from 0.27 on
        return _usage(error)
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.filename}: {reason(error)}" if error.filename is not None else reason(error)
    first = next(iter(str(error).splitlines()), "")
    if isinstance(error, MemoryError):
        return "out of memory" + (f": {first}" if first else "")
    return f"unexpected {type(error).__name__}: {first} (GATEWRIGHT_TRACEBACK=1 shows where)"


def _usage(error: Any) -> str:
    """Options and arguments that are none, in one line instead of click's several; nothing where it gave the help."""
    words = " ".join(error.format_message().split()).rstrip(".")
    if not words:
        return ""
    command = error.ctx.command_path if getattr(error, "ctx", None) else "gatewright"
    return f"{words[0].lower()}{words[1:]} ({command} --help)"
