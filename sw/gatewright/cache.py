"""Where things that are expensive to make are kept between runs: compiled simulators, trained models.

The directory is ``$GATEWRIGHT_CACHE``, or ``$XDG_CACHE_HOME/gatewright``, or ``~/.cache/gatewright``. Entries are named
by a hash of everything they depend on, and appear by an atomic rename, so that processes that make the same entry at
once do not collide.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["cache_dir", "cached_directory", "digest"]


def cache_dir(*parts: str) -> Path:
    """The cache directory, or the folder ``parts`` below it; made if it is not there."""
    root = os.environ.get("GATEWRIGHT_CACHE")
    if not root:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        root = str(Path(home) / "gatewright")
    path = Path(root).joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def digest(*parts: str | bytes) -> str:
    """A hash of ``parts`` as 16 hexadecimal digits; the split between parts counts."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()[:16]


def cached_directory(kind: str, key: str, make: Callable[[Path], object]) -> Path:
    """The directory of entry ``key`` of ``kind``; if absent, ``make(path)`` fills a temporary one, which is renamed.

    What ``make`` raises passes through, and nothing of a failed attempt stays.
    """
    target = cache_dir(kind) / key
    if target.is_dir():
        return target
    work = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=target.parent))
    try:
        make(work)
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():  # otherwise another process was first with the same content
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target
