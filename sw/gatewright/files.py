"""Files that appear whole or not at all, archives of arrays, and streams that nobody reads any more."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt

__all__ = ["check_writable", "folder_written_whole", "read_npz", "reason", "same_file", "silence", "written_whole"]


@contextmanager
def written_whole(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write: it replaces what stands at ``path`` once the body is done; if the body fails, that stays.

    Where ``path`` is a symbolic link, the file that it leads to is replaced. A pipe or a device (``/dev/null``) is
    written to as it is. Raises :class:`OSError`.
    """
    if _is_special(path):
        with open(path, "wb") as file:
            yield file
        return
    target, work = _target_and_work(path)
    try:
        with work.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, work)
        work.replace(target)
    finally:
        work.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: str | Path) -> Iterator[Path]:
    """An empty folder to fill: it replaces what stands at ``path`` once the body is done; if that fails, nothing has
    changed.

    Where ``path`` is a symbolic link, the folder that it leads to is replaced. Raises :class:`OSError`.
    """
    target, work = _target_and_work(path)
    work.mkdir()
    old = work.with_name(f"{work.name}.old")
    try:
        yield work
        if target.exists():
            if not target.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
            shutil.copymode(target, work)
            target.rename(old)
        work.rename(target)
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(work, ignore_errors=True)


def check_writable(path: str | Path, *, seeks: bool = False) -> None:
    """Raise the :class:`OSError` that :func:`written_whole` would; what is there, or is not, stays so.

    A file that is not written from front to back (``seeks``) can be neither pipe nor device.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if _is_special(path):
        if seeks:
            raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE), str(path))
        return
    target, work = _target_and_work(path)
    with suppress(FileNotFoundError):
        target.stat()
    work.open("xb").close()
    work.unlink()


def read_npz(path: str | Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays in an ``.npz`` file by name. Raises :class:`OSError`, and ValueError for what is none or damaged."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise ValueError("it holds one array, without a name")
        with loaded as file, np.errstate(invalid="ignore"):  # sizes that no integer holds
            return {name: file[name] for name in file.files}
    except OSError:
        raise
    except Exception as error:  # numpy, zipfile, zlib and tokenize each raise classes of their own
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def _is_special(path: str | Path) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)


def _target_and_work(path: str | Path) -> tuple[Path, Path]:
    """Where the file will stand, and a name beside it; both on one file system, so that renaming is one step."""
    target = Path(os.path.realpath(path))
    return target, target.with_name(f".gatewright-{token_hex(8)}")


def same_file(one: str | Path, other: str | Path) -> bool:
    """Whether both are names of one file, be it by a link, another spelling, or a file that is yet to be written."""
    with suppress(OSError):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


def reason(error: OSError) -> str:
    """What the system says is wrong."""
    return error.strerror or str(error)


def silence(stream: IO[str] | None) -> None:
    """Let what ``stream`` still holds, and all that follows, go nowhere, since it cannot be written."""
    if stream is None:
        return
    with suppress(OSError):  # a stream without a descriptor has nothing to lose
        descriptor = stream.fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
