"""How the command lines of this package end, whatever they do: those who call them tell by the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from gatewright.files import reason
from gatewright.signals import ended_by_signals
from gatewright.spec.errors import GatewrightError

__all__ = ["run_command"]


def run_command(main: Callable[[], int]) -> NoReturn:
    """Exit with what ``main`` returns; 130 after Ctrl-C, 128 + n after a signal n, 2 and one line on stderr where input
    or environment keep it from its work."""
    try:
        with ended_by_signals():
            code = main()
    except KeyboardInterrupt:
        code = 130
    except GatewrightError as error:
        code = _refused(str(error))
    except OSError as error:
        code = _refused(f"{error.filename}: {reason(error)}" if error.filename is not None else reason(error))
    sys.exit(code)


def _refused(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 2
