"""What clients send in pieces: files named by the hash of their contents, kept until they are used."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from gatewright.agent.errors import AgentError
from gatewright.agent.transport import MAX_UPLOAD_BYTES
from gatewright.agent.wire import Message, unpack

__all__ = ["Spool", "check_digest"]

KEPT_S = 600.0
"""A file that is not used within so many seconds is removed: its client went away."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_digest(digest: str) -> str:
    """``digest``, a SHA-256 in hexadecimal digits. Raises :class:`AgentError`."""
    if not _DIGEST.fullmatch(digest):
        raise AgentError(f"sha256 is {digest!r:.80}, allowed: 64 lower-case hexadecimal digits")
    return digest


class Spool:
    """A folder of such files. Threads share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def receive(self, parts: Iterator[bytes]) -> str:
        """Write a file from a message that names its hash and size and the pieces after it; returns the hash.

        Raises :class:`AgentError` where the pieces are not what was announced; nothing of them stays.
        """
        head = unpack(next(parts, b""))
        digest, nbytes = _announced(head)
        work = self._folder / f"{token_hex(8)}.part"
        state, written = hashlib.sha256(), 0
        try:
            with work.open("xb") as file:
                for part in parts:
                    written += len(part)
                    if written > nbytes:
                        break
                    state.update(part)
                    file.write(part)
            if written != nbytes or state.hexdigest() != digest:
                raise AgentError(f"upload {digest[:16]}: {written:,} of {nbytes:,} bytes came, or not those announced")
            with self._lock:
                work.rename(self._folder / digest)
        finally:
            work.unlink(missing_ok=True)
        return digest

    def find(self, digest: str) -> Path | None:
        """The file with this hash, if it is here."""
        path = self._folder / check_digest(digest)
        return path if path.is_file() else None

    def remove(self, digest: str) -> None:
        """The file has been used."""
        (self._folder / check_digest(digest)).unlink(missing_ok=True)

    def expire(self) -> None:
        """Remove what nobody came for."""
        limit = time.time() - KEPT_S
        for path in self._folder.iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()


def _announced(head: Message) -> tuple[str, int]:
    digest, nbytes = check_digest(head.get("sha256", str)), head.get("nbytes", int)
    if not 0 <= nbytes <= MAX_UPLOAD_BYTES:
        raise AgentError(f"upload: {nbytes:,} bytes, allowed 0..{MAX_UPLOAD_BYTES:,}")
    return digest, nbytes
