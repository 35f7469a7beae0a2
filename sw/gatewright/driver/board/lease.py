"""One client at a time of a board: on the board itself, or behind PYNQ.remote, whose server lets all of them have each
other's registers and fabric.

The server reads and writes files and offers nothing else to agree by (PYNQ, pynq-remote.cc), so the lease is a file on
the board: who holds it, and until when by the board's own uptime. A thread renews it while the client lives; one that
was killed, or has lost its network, holds the board for TERM_S more. Nothing makes a look and a write one step: who
has written looks again a moment later, and gives way to whoever wrote after it. The server, which writes firmware and
sysfs, has the rights to write there. Processes on the board have a lock among each other, which does not outlive them
(:mod:`gatewright.driver.board.claim`).
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from secrets import token_hex

from gatewright.artefact import ArtefactError
from gatewright.artefact.fields import from_json
from gatewright.driver.board.pynq_versions import BOOT, BoardPort
from gatewright.driver.errors import BoardError, BoardInUse

__all__ = ["Lease"]

PATH = "/run/gatewright.lease"
"""In memory: it is written all the time, which wears out an SD card."""
UPTIME = "/proc/uptime"
TERM_S = 60.0
"""A holder that has not renewed it for so long has gone; longer than one procedure call may hang."""
RENEW_S = 10.0
SETTLE_S = 0.3
"""Of two that wrote at once, the first sees the second's entry after it: many times a procedure call, at least. On a
slow way to the board it is three times what a look and a write took."""
_TORN = 40, 0.05
"""Looks at an entry that somebody is writing, and seconds between them: no write takes as long."""


@dataclass(frozen=True)
class _Entry:
    """``owner`` is one lease of process ``process`` on ``host``; ``until``: seconds of uptime in boot ``boot``."""

    owner: str
    process: int
    host: str
    boot: str
    until: float


_NOBODY = _Entry("", 0, "", "", 0.0)
_ON_BOARD = "the board itself"
"""Where a process on the board is, in the words of messages. No host has such a name."""


class Lease:
    """The board is this client's until :meth:`close`.

    A client that is ``on_board`` has the board's lock: whoever has an entry from there is dead.

    Raises :class:`BoardInUse` where another client has it, :class:`BoardError` where the board does not answer.
    """

    def __init__(self, port: BoardPort, on_board: bool = False) -> None:
        self._port = port
        self._host = _ON_BOARD if on_board else socket.gethostname()
        self._owner = token_hex(8)
        self._boot = port.read_text(BOOT)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._renewed = 0.0
        start = time.monotonic()
        self._refuse(self._found())
        if time.monotonic() - start > SETTLE_S / 2:  # time enough for another to come
            start = time.monotonic()
            self._refuse(self._found())
        try:
            self._take(start)
            threading.Thread(target=self._keep, name="gatewright: lease", daemon=True).start()
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Raise :class:`BoardError` where it was lost, as by a PC that slept while another client came."""
        if abs(time.time() - self._renewed) > TERM_S / 2:  # of the wall, since it goes on in a sleep
            self._renew()

    def held(self) -> bool:
        """Whether it is still this client's, by a look at the board. Raises :class:`BoardError`."""
        with self._lock:
            return self._is_ours(self._found())

    def close(self, answers: bool = True) -> None:
        """Let others have it; ``answers``: whether the board is known to, else it is left to end by itself."""
        self._ended.set()
        if answers:
            with suppress(BoardError), self._lock:
                if self._is_ours(self._found()):
                    self._put(_NOBODY)

    # ---- the entry

    def _keep(self) -> None:
        while not self._ended.wait(RENEW_S):
            with suppress(BoardError):  # it is for the client's next call to say
                self._renew()

    def _renew(self) -> None:
        with self._lock:
            if self._ended.is_set():
                return
            start, found = time.monotonic(), self._found()
            try:
                if not self._is_ours(found):
                    raise BoardInUse("it is theirs now")
                if found.until > self._uptime():
                    self._write()
                else:  # whoever has looked since then takes it for free, and may be about to write
                    self._take(start)
            except BoardInUse:
                self._renewed = 0.0
                message = f"{self._port.label}: another client has used it meanwhile: open it again"
                raise BoardError(message) from None

    def _take(self, start: float) -> None:
        """Write, and look whether it stayed; at ``start`` it was seen to be free."""
        self._write()
        time.sleep(max(SETTLE_S, 3 * (time.monotonic() - start)))
        self._refuse(self._found())

    def _is_ours(self, found: _Entry) -> bool:
        return found.owner == self._owner

    def _write(self) -> None:
        until = self._uptime() + TERM_S
        self._put(_Entry(self._owner, os.getpid(), self._host, self._boot, until))
        self._renewed = time.time()

    def _put(self, entry: _Entry) -> None:
        self._port.write_file(PATH, (json.dumps(asdict(entry)) + "\n").encode())

    def _found(self) -> _Entry:
        looks, pause = _TORN
        for _ in range(looks):
            content = self._port.read_file(PATH)
            if content is None:
                return _NOBODY
            try:
                return from_json(_Entry, json.loads(content))
            except (ValueError, ArtefactError):
                time.sleep(pause)
        return _NOBODY  # what no client of ours wrote, or one that was killed over it

    def _refuse(self, found: _Entry) -> None:
        left = found.until - self._uptime()
        if found.owner in ("", self._owner) or found.boot != self._boot or left <= 0:
            return
        if found.host == self._host == _ON_BOARD:
            return
        here = (found.process, found.host) == (os.getpid(), self._host)
        who = "this process, which must close it first" if here else f"process {found.process} on {found.host}"
        remedy = "" if here else f": end it first; if it was killed, the board is free in {left:.0f} s"
        raise BoardInUse(f"{self._port.label}: the accelerator is in use by {who}{remedy}")

    def _uptime(self) -> float:
        text = self._port.read_text(UPTIME)
        try:
            return float(text.split()[0])
        except (ValueError, IndexError):
            raise BoardError(f"{self._port.label}: {UPTIME} says {text!r:.40}, allowed: seconds") from None
