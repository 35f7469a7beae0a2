"""The programs that an agent holds in device memory, each once, whoever loaded it; they go when nobody needs them."""

from __future__ import annotations

import time
from collections.abc import Callable

from gatewright.agent.errors import ProgramNotLoaded
from gatewright.driver import LoadedProgram

__all__ = ["Shelf"]


class Shelf:
    """Loaded programs by the hash of their file.

    Parameters
    ----------
    session_s : a session that has asked for nothing for so many seconds has ended, and what it loaded is freed: a
        client that vanished says no goodbye.
    """

    def __init__(self, session_s: float) -> None:
        self._session_s = session_s
        self._programs: dict[str, LoadedProgram] = {}
        self._users: dict[str, set[str]] = {}
        self._seen: dict[str, float] = {}

    def seen(self, session: str) -> None:
        """The session lives."""
        self._seen[session] = time.monotonic()

    def get(self, digest: str, session: str) -> LoadedProgram:
        """A program, which the session uses from now on. Raises :class:`ProgramNotLoaded`."""
        self.seen(session)
        if digest not in self._programs:
            raise ProgramNotLoaded(f"program {digest[:16]} is not loaded")
        self._users[digest].add(session)
        return self._programs[digest]

    def put(self, digest: str, session: str, load: Callable[[], LoadedProgram]) -> LoadedProgram:
        """The program; ``load`` makes it if it is not here."""
        self.seen(session)
        if digest not in self._programs:
            self._programs[digest] = load()
            self._users[digest] = set()
        return self.get(digest, session)

    def release(self, digest: str, session: str) -> None:
        """The session needs the program no more."""
        if digest in self._programs:
            self._users[digest].discard(session)
            self._sweep()

    def end(self, session: str) -> None:
        """The session has ended."""
        self._seen.pop(session, None)
        for users in self._users.values():
            users.discard(session)
        self._sweep()

    def expire(self) -> None:
        """End the sessions that have not been heard of."""
        limit = time.monotonic() - self._session_s
        for session in [name for name, seen in self._seen.items() if seen < limit]:
            self.end(session)

    def clear(self) -> None:
        """Free everything; the sessions stay, and load again."""
        for program in self._programs.values():
            program.close()
        self._programs.clear()
        self._users.clear()

    def summary(self) -> list[dict[str, object]]:
        """Name, hash, bytes of device memory and number of users of each program; for any thread."""
        return [
            {
                "name": loaded.program.name,
                "sha256": digest,
                "nbytes": loaded.program.nbytes,
                "sessions": len(self._users.get(digest, ())),
            }
            for digest, loaded in list(self._programs.items())
        ]

    def _sweep(self) -> None:
        for digest in [digest for digest, users in self._users.items() if not users]:
            self._programs.pop(digest).close()
            del self._users[digest]
