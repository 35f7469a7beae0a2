"""Where things that are expensive to make are kept between runs: compiled simulators, trained models, programs.

The directory is ``$GATEWRIGHT_CACHE``, or ``$XDG_CACHE_HOME/gatewright``, or ``~/.cache/gatewright``. An entry is a
folder named by a hash of everything it depends on. It is made under another name, by one process at a time, and
appears by an atomic rename.

Files get damaged all the same: disks fill up, machines lose power, tools clean up. Each entry therefore lists the
hashes of its files, which are checked whenever it is used; `sha256sum -c SHA256SUMS` in its folder does the same by
hand. A damaged entry is made again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from filelock import FileLock, Timeout

from gatewright.files import reason
from gatewright.spec.errors import GatewrightError
from gatewright.sums import damage, write_sums

__all__ = ["CacheError", "cache_dir", "cached_directory", "digest"]

_WORK = ".work"
LOCK_TIMEOUT_S = 3600.0
"""Longest wait for another process that makes the same entry; the slowest, an RTL build, takes minutes."""

_log = logging.getLogger(__name__)


class CacheError(GatewrightError):
    """A cache that cannot be read or written, or an entry that another process does not finish."""


def cache_dir(*parts: str) -> Path:
    """The cache directory, or the folder ``parts`` below it; made if it is not there. Raises :class:`CacheError`."""
    chosen = os.environ.get("GATEWRIGHT_CACHE")
    if not chosen:
        home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        chosen = os.path.join(home, "gatewright")
    try:
        path = Path(chosen).expanduser().absolute().joinpath(*parts)
    except RuntimeError as error:  # no HOME, and the system does not know the user
        raise CacheError(f"cache {chosen}: {error} Set GATEWRIGHT_CACHE to a folder that can be written") from error
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from error
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
    """The directory of entry ``key`` of ``kind``; if absent or damaged, ``make(path)`` fills a new one with files.

    Of several processes or threads that need an entry at once, one makes it and the others wait. What ``make`` raises
    passes through, and nothing of a failed attempt stays. Raises :class:`CacheError` where the cache cannot be
    written, or where another process has not finished the entry after ``LOCK_TIMEOUT_S`` seconds.
    """
    entry = cache_dir(kind) / key
    if damage(entry) is None:
        return entry
    try:
        with _locked(entry):
            found = damage(entry)
            if found is not None:
                _sweep(entry.parent, held=key)
                _make(entry, make, found)
    except GatewrightError:  # some are OSErrors too
        raise
    except OSError as error:
        raise _unusable(entry, error) from error
    return entry


def _unusable(path: Path, error: OSError) -> CacheError:
    what = f" ({error.filename})" if error.filename else ""
    return CacheError(f"cache {path}: {reason(error)}{what}; GATEWRIGHT_CACHE can name another folder")


@contextmanager
def _locked(entry: Path) -> Iterator[None]:
    """Hold the lock of an entry, which the system releases when the process ends, however it ends."""
    lock = FileLock(_lock_path(entry.parent, entry.name))
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _log.warning("cache entry %s is being made by another process: waiting for %s", entry, lock.lock_file)
            lock.acquire(timeout=LOCK_TIMEOUT_S)
    except Timeout:
        raise CacheError(
            f"cache entry {entry} is still being made by another process after {LOCK_TIMEOUT_S:g} s, "
            f"which holds the lock {lock.lock_file}"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _lock_path(folder: Path, key: str) -> Path:
    return folder / f".{key}.lock"


def _make(entry: Path, make: Callable[[Path], object], wrong: str) -> None:
    """Make an entry whose lock is held; ``wrong`` is what is wrong with the one that may be there."""
    work = entry.with_name(f".{entry.name}.{token_hex(4)}{_WORK}")
    work.mkdir()
    try:
        if os.path.lexists(entry):
            _log.warning("cache entry %s is damaged (%s): it is made again", entry, wrong)
        make(work)
        write_sums(work)
        if os.path.lexists(entry):
            entry.rename(work.with_suffix(f".old{_WORK}"))
        work.rename(entry)
    finally:
        _remove(work)
        _remove(work.with_suffix(f".old{_WORK}"))


def _sweep(folder: Path, held: str) -> None:
    """Remove what killed processes have left in ``folder``: unfinished entries that nobody holds but who calls this."""
    for left in folder.glob(f".*{_WORK}"):
        key = left.name.split(".")[1]
        if key == held:
            _remove(left)
            continue
        with suppress(Timeout), FileLock(_lock_path(folder, key)).acquire(timeout=0):
            _remove(left)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
