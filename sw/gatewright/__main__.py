"""Entry point of the `gatewright` command.

Exit codes: 0 done; 1 a simulation, bench or answer that differs from the golden model; 2 input, environment or
anything else that kept the command from its work, in one line on stderr; 3 `compile --strict` above its bound;
130 interrupted. GATEWRIGHT_TRACEBACK=1 adds where in the code an error came from.
"""

import os
import sys
import traceback
from contextlib import suppress

from gatewright.files import reason, silence
from gatewright.spec.errors import GatewrightError

__all__ = ["main"]

_ON_BOARDS = ("grpc", "rich", "tokenizers", "typer")
"""Packages of the extra ``board``."""


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # there may be none, or one of a test's
            stream.reconfigure(errors="backslashreplace")  # not every terminal has every letter
    code, message = _run()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        silence(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            code, message = 2, f"standard output: {reason(error)}"
    if message:
        try:
            print(f"error: {message}", file=sys.stderr, flush=True)
        except OSError:
            silence(sys.stderr)
    sys.exit(code)


def _run() -> tuple[int, str]:
    """Exit code, and what there is to say about it."""
    try:
        from gatewright.cli import app

        app()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            return 0, ""  # rich's way to end when nobody reads the help any more
        return (end.code or 0, "") if isinstance(end.code, int | None) else (2, str(end.code))
    except KeyboardInterrupt:
        return 130, ""
    except Exception as error:
        if os.environ.get("GATEWRIGHT_TRACEBACK"):
            traceback.print_exc()
        return 2, _sentence(error)
    return 0, ""


def _sentence(error: Exception) -> str:
    if isinstance(error, GatewrightError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "gatewright").startswith("gatewright"):
        needed = error.name.partition(".")[0]
        extras = "board" if needed in _ON_BOARDS else "cli,sim,models"  # whose other packages would replace an image's
        return f"this command needs {needed}: pip install 'gatewright[{extras}]'"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.filename}: {reason(error)}" if error.filename is not None else reason(error)
    first = next(iter(str(error).splitlines()), "")
    if isinstance(error, MemoryError):
        return "out of memory" + (f": {first}" if first else "")
    return f"unexpected {type(error).__name__}: {first} (GATEWRIGHT_TRACEBACK=1 shows where)"


if __name__ == "__main__":
    main()
