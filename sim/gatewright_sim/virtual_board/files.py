"""The board's files: ordinary ones, and those behind which something happens."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from posixpath import normpath

__all__ = ["Files"]

WRITABLE = ("/lib/firmware", "/run", "/tmp", "/home", "/root")
"""Below these, writing makes new files."""


class Files:
    """A small file system. Everything raises :class:`OSError` as a real one would."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._read: dict[str, Callable[[], bytes]] = {}
        self._write: dict[str, Callable[[bytes], None]] = {}
        self._lock = threading.Lock()

    def constant(self, path: str, text: str) -> None:
        """A file that is only read."""
        self.special(path, read=lambda: text.encode())

    def special(
        self, path: str, read: Callable[[], bytes] | None = None, write: Callable[[bytes], None] | None = None
    ) -> None:
        """A file whose reads and writes are calls; what is None is not permitted."""
        if read is not None:
            self._read[path] = read
        if write is not None:
            self._write[path] = write

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        path = normpath(path)
        known = [*self._contents, *self._read, *self._write, *WRITABLE]
        return any(name == path or name.startswith(path + "/") for name in known)

    def names(self, folder: str) -> list[str]:
        """What lies in a folder."""
        start = normpath(folder) + "/"
        known = [*self._contents, *self._read, *self._write]
        return sorted({name[len(start) :].partition("/")[0] for name in known if name.startswith(start)})

    def read(self, path: str) -> bytes:
        """The file's bytes."""
        path = normpath(path)
        if path in self._read:
            return self._read[path]()
        with self._lock:
            if path in self._contents:
                return self._contents[path]
        if path in self._write:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)

    def can_write(self, path: str) -> bool:
        """Whether it can be opened for writing."""
        path = normpath(path)
        return path in self._write or (path not in self._read and any(path.startswith(f"{top}/") for top in WRITABLE))

    def write(self, path: str, content: bytes) -> None:
        """Replace the file's bytes, which may have effects."""
        path = normpath(path)
        if path in self._write:
            self._write[path](content)
        elif path in self._read:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        elif self.can_write(path):
            with self._lock:
                self._contents[path] = content
        else:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
