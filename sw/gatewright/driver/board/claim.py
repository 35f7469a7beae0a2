"""One process at a time: two that drive one accelerator reset each other's programs, and mix each other's results."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO

from gatewright.driver.board.lease import Lease
from gatewright.driver.board.pynq_versions import FIRMWARE, BoardPort
from gatewright.driver.errors import BoardError, BoardInUse

__all__ = ["Claim"]

PATH = f"{FIRMWARE}/gatewright.lock"


class Claim:
    """A board's accelerator is ours until :meth:`close`, or until the process ends.

    It is a :class:`Lease`, and between processes on the board, which die without a word, a lock of a file first. Raises
    :class:`BoardInUse` where another process, or another accelerator of this one, has it, :class:`BoardError` where
    that cannot be told.
    """

    def __init__(self, port: BoardPort) -> None:
        on_board = not (port.remote or port.foreign_files)
        self._lease: Lease | None = None
        self._file = _locked(port.label) if on_board else None
        try:
            self._lease = Lease(port, on_board) if on_board or port.remote else None
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Raise :class:`BoardError` where it was lost to another client, as a lease may be."""
        if self._lease is not None:
            self._lease.check()

    def held(self) -> bool:
        """Whether it was not lost, by a look at the board. Raises :class:`BoardError` where that does not answer."""
        return self._lease is None or self._lease.held()

    def close(self, answers: bool = True) -> None:
        """Let others have it; a second call does nothing. ``answers``: whether the board is known to answer."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.close(answers)
        file, self._file = self._file, None
        if file is not None:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_UN)  # a forked process may hold the file, too
            file.close()


def _locked(label: str) -> IO[str]:
    import fcntl  # of Unix alone, as boards are

    try:
        file = os.fdopen(os.open(PATH, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+")
    except OSError as error:
        remedy = ": run it as root (sudo -i)" if isinstance(error, PermissionError) else ""
        raise BoardError(f"{label}: {PATH}, which says who uses the accelerator: {error.strerror}{remedy}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = file.read().strip()
        file.close()
        what = "this process, which must close it first" if owner == str(os.getpid()) else f"process {owner}".strip()
        raise BoardInUse(f"{label}: the accelerator is in use by {what}") from None
    except OSError as error:
        file.close()
        raise BoardError(f"{label}: {PATH}, which says who uses the accelerator: {error.strerror}") from None
    with suppress(OSError):
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
    return file
