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

__all__ = ["CacheError", "cache_dir", "cached_directory", "digest"]

SUMS = "SHA256SUMS"
_WORK = ".work"
_BLOCK_BYTES = 1 << 20
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
    if _damage(entry) is None:
        return entry
    try:
        with _locked(entry):
            damage = _damage(entry)
            if damage is not None:
                _sweep(entry.parent, held=key)
                _make(entry, make, damage)
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


def _make(entry: Path, make: Callable[[Path], object], damage: str) -> None:
    """Make an entry whose lock is held; ``damage`` is what is wrong with the one that may be there."""
    work = entry.with_name(f".{entry.name}.{token_hex(4)}{_WORK}")
    work.mkdir()
    try:
        if os.path.lexists(entry):
            _log.warning("cache entry %s is damaged (%s): it is made again", entry, damage)
        make(work)
        sums = "".join(f"{_sha256(path)}  {name}\n" for name, path in _files(work).items())
        (work / SUMS).write_text(sums, encoding="utf-8")
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


def _damage(entry: Path) -> str | None:
    """What is wrong with an entry; None if nothing is."""
    try:
        lines = (entry / SUMS).read_text(encoding="utf-8").splitlines()
        listed = {name: value for value, _, name in (line.partition("  ") for line in lines)}
        files = _files(entry)
        for name in sorted(listed.keys() | files.keys()):
            if name not in files:
                return f"{name} is missing"
            if _sha256(files[name]) != listed.get(name):
                return f"{name} is not as it was made"
    except OSError as error:
        return f"{Path(error.filename or entry).name}: {reason(error)}"
    except UnicodeDecodeError:
        return f"{SUMS} is not a text"
    return None if listed else f"{SUMS} is empty"


def _files(entry: Path) -> dict[str, Path]:
    """The files below ``entry`` by name, but for the list of their sums."""
    found = {path.relative_to(entry).as_posix(): path for path in sorted(entry.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if name != SUMS}


def _sha256(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            state.update(block)
    return state.hexdigest()
