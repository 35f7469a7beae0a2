"""Programs that this package calls: found on the system or beside Python, run to their end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from gatewright.spec.errors import GatewrightError

__all__ = ["find_program", "run_program"]


def find_program(*names: str) -> str | None:
    """The first of ``names`` that the system has, or that lies beside Python; None where none does."""
    for name in names:
        beside = Path(sys.executable).with_name(name)
        if found := shutil.which(name) or (str(beside) if beside.exists() else None):
            return found
    return None


def run_program(
    name: str, command: list[str], folder: Path, timeout_s: float, error: type[GatewrightError]
) -> subprocess.CompletedProcess[str]:
    """``command``, ended well in ``folder``. Raises ``error``, which speaks of ``name``, where it fails or takes longer
    than ``timeout_s``."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise error(f"{name} took more than {timeout_s:g} s") from None
    if done.returncode:
        last = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["it said nothing"]
        raise error(f"{name} ended with code {done.returncode}: {last[-1]}")
    return done
