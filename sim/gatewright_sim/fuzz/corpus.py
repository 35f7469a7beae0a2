"""Cases kept as files: one folder a target, each named by what it found."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from gatewright.files import written_whole
from gatewright_sim.fuzz.target import Target

__all__ = ["cases_of", "keep"]


def cases_of(target: Target, folder: Path) -> dict[str, bytes]:
    """The cases of a target by the names of their files, in their order."""
    return {path.name: path.read_bytes() for path in sorted((folder / target.name).glob(f"*{target.suffix}"))}


def keep(target: Target | type[Target], folder: Path, kind: str, case: bytes) -> Path:
    """Write a case that found ``kind``; returns its path."""
    place = folder / target.name
    place.mkdir(parents=True, exist_ok=True)
    words = re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-")[:60]
    path = place / f"{words}-{hashlib.sha256(case).hexdigest()[:6]}{target.suffix}"
    with written_whole(path) as file:
        file.write(case)
    return path
