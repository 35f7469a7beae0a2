"""What clients send in pieces: files that each have a ticket, kept until they are used."""

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
from gatewright.files import reason

__all__ = ["Spool", "check_digest"]

KEPT_S = 600.0
"""A file that is not used within so many seconds is removed: its client went away."""

LEAST_BYTES = 4096
"""Which each upload counts for: a file takes some, however little is in it."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TICKET = re.compile(r"[0-9a-f]{32}")
_PART = ".part"


def check_digest(digest: str) -> str:
    """``digest``, a SHA-256 in hexadecimal digits. Raises :class:`AgentError`."""
    if not _DIGEST.fullmatch(digest):
        raise AgentError(f"sha256 is {digest!r:.80}, allowed: 64 lower-case hexadecimal digits")
    return digest


class Spool:
    """A folder of such files. A ticket belongs to one upload, so that clients with the same file are not in each
    other's way. All that is on its way or waits is no more than the largest of uploads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._coming: dict[str, int] = {}
        self._came: dict[str, float] = {}
        self._lock = threading.Lock()

    def receive(self, parts: Iterator[bytes]) -> str:
        """Write a file from a message that names its hash and size and the pieces after it; returns the ticket.

        Raises :class:`AgentError` where the pieces are not what was announced, or there is no room; nothing of them
        stays.
        """
        digest, nbytes = _announced(unpack(next(parts, b"")))
        ticket = token_hex(16)
        self._reserve(ticket, nbytes)
        try:
            self._write(ticket, digest, nbytes, parts)
        except OSError as error:
            if error.errno is None:  # the connection's, not the folder's
                raise
            raise AgentError(f"upload {digest[:16]} cannot be kept: {reason(error)}") from None
        finally:
            with self._lock:
                del self._coming[ticket]
        return ticket

    def _reserve(self, ticket: str, nbytes: int) -> None:
        with self._lock:
            taken = sum(max(each, LEAST_BYTES) for each in (*self._waiting(), *self._coming.values()))
            if taken + max(nbytes, LEAST_BYTES) > MAX_UPLOAD_BYTES:
                raise AgentError(
                    f"upload: {nbytes:,} bytes besides {taken:,} of other uploads that are not used yet, allowed: "
                    f"{MAX_UPLOAD_BYTES:,} in all; those that nobody comes for go after {KEPT_S:g} s"
                )
            self._coming[ticket] = nbytes

    def _waiting(self) -> Iterator[int]:
        """Bytes of each file that is not used yet."""
        for path in self._folder.iterdir():
            if _TICKET.fullmatch(path.name):
                with suppress(FileNotFoundError):  # it was used a moment ago
                    yield path.stat().st_size

    def _write(self, ticket: str, digest: str, nbytes: int, parts: Iterator[bytes]) -> None:
        work = self._folder / f"{ticket}{_PART}"
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
            self._came[ticket] = time.monotonic()  # not the files' times: a board's clock is set once it has a network
            work.rename(self._folder / ticket)
        finally:
            work.unlink(missing_ok=True)

    def path(self, ticket: object) -> Path:
        """The file with this ticket. Raises :class:`AgentError` where there is none (any more)."""
        path = self._folder / str(ticket)
        if not _TICKET.fullmatch(str(ticket)) or not path.is_file():
            raise AgentError(f"upload {ticket!r:.40} is not here (any more)")
        return path

    def expire(self) -> None:
        """Remove what nobody came for."""
        limit = time.monotonic() - KEPT_S
        for ticket in [ticket for ticket, came in list(self._came.items()) if came < limit]:
            del self._came[ticket]
            with suppress(OSError):
                (self._folder / ticket).unlink()


def _announced(head: Message) -> tuple[str, int]:
    digest, nbytes = check_digest(head.get("sha256", str)), head.get("nbytes", int)
    if not 0 <= nbytes <= MAX_UPLOAD_BYTES:
        raise AgentError(f"upload: {nbytes:,} bytes, allowed 0..{MAX_UPLOAD_BYTES:,}")
    return digest, nbytes
