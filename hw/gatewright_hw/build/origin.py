"""When a design was built, and from which sources."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import gatewright_hw
from gatewright_hw.build.errors import BuildError

__all__ = ["revision", "time_of_build"]

_GIT_TIMEOUT_S = 30


def time_of_build() -> datetime:
    """Now, or the time that SOURCE_DATE_EPOCH says, so that the same sources give the same files."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if text is None:
        return datetime.now(timezone.utc).replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(text), timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise BuildError(f"SOURCE_DATE_EPOCH is {text!r}, allowed: seconds since 1970") from None


def revision() -> str:
    """The commit of the sources, with ``+`` where they were changed since; empty where they are in no checkout."""
    here = Path(gatewright_hw.__path__[0])
    try:
        _git(here, "ls-files", "--error-unmatch", "generate.py")  # an installed copy lies in another's checkout
        changed = _git(here, "status", "--porcelain", "--", ".", "../../sw/gatewright")
        return _git(here, "rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True
    )
    return done.stdout.strip()
