"""A board's files between clients: who gets it, who is refused, what is left by those that vanish."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gatewright.driver.board import lease
from gatewright.driver.board.lease import Lease
from gatewright.driver.errors import BoardError

BOOT = "/proc/sys/kernel/random/boot_id"


class Board:
    """Files of a board, as a port gives them; its uptime is the test's."""

    label = "board x"

    def __init__(self) -> None:
        self.files = {BOOT: b"one\n"}
        self.uptime = 1000.0
        self.written: Callable[[], object] = lambda: None
        self.gone = False

    def read_file(self, path: str) -> bytes | None:
        if self.gone:
            raise BoardError("no answer")
        return f"{self.uptime:.2f} 0.00\n".encode() if path == "/proc/uptime" else self.files.get(path)

    def read_text(self, path: str) -> str:
        return (self.read_file(path) or b"").decode().strip()

    def write_file(self, path: str, content: bytes) -> None:
        if self.gone:
            raise BoardError("no answer")
        self.files[path] = content
        self.written()

    def entry(self, **changes: object) -> None:
        """Somebody writes theirs."""
        theirs = {"owner": "another", "process": 77, "host": "pc", "boot": "one", "until": self.uptime + 40}
        self.files[lease.PATH] = json.dumps({**theirs, **changes}).encode()


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    monkeypatch.setattr(lease, "SETTLE_S", 0.0)
    monkeypatch.setattr(lease, "_TORN", (2, 0.0))
    return Board()


@pytest.fixture
def take(board: Board) -> Iterator[Callable[[], Lease]]:
    """Takes leases, which end with the test."""
    taken: list[Lease] = []

    def take() -> Lease:
        taken.append(Lease(board))  # type: ignore[arg-type]
        return taken[-1]

    yield take
    board.gone = False
    for each in taken:
        each.close()


def test_one_at_a_time(board: Board, take: Callable[[], Lease]) -> None:
    first = take()
    assert first.held()
    with pytest.raises(BoardError, match="board x: the accelerator is in use by this process, which"):
        take()
    first.check()
    first.close()
    first.close()
    take().check()


def test_the_holder_is_named_with_what_to_do(board: Board, take: Callable[[], Lease]) -> None:
    board.entry()
    with pytest.raises(
        BoardError, match="by process 77 on pc: end it first; if it was killed, the board is free in 40 s"
    ):
        take()
    board.uptime += 39
    with pytest.raises(BoardError, match="free in 1 s"):
        take()
    board.uptime += 1
    take()


FREE: dict[str, Any] = {
    "released": {"owner": ""},
    "of another boot": {"boot": "two"},
    "run out": {"until": 999.0},
}


@pytest.mark.parametrize("case", FREE)
def test_what_is_nobodys(case: str, board: Board, take: Callable[[], Lease]) -> None:
    board.entry(**FREE[case])
    assert take().held()


@pytest.mark.parametrize("content", [b"", b"{", b"{}\n", b"\xff\xfe", b"[1]", b'{"owner": 3}'])
def test_a_damaged_entry_is_nobodys(content: bytes, board: Board, take: Callable[[], Lease]) -> None:
    board.files[lease.PATH] = content
    assert take().held()


def test_of_two_at_once_the_later_has_it(board: Board, take: Callable[[], Lease]) -> None:
    board.written = board.entry
    with pytest.raises(BoardError, match="process 77 on pc"):
        take()


def test_it_is_renewed_while_its_holder_lives(
    board: Board, take: Callable[[], Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = threading.Event()
    monkeypatch.setattr(lease, "RENEW_S", 0.01)
    take()
    board.uptime += 1e6
    board.written = renewed.set
    assert renewed.wait(30)
    entry = json.loads(board.files[lease.PATH])
    assert entry["until"] == pytest.approx(board.uptime + lease.TERM_S)
    assert (entry["process"], entry["host"]) == (os.getpid(), socket.gethostname())


def test_a_client_that_slept_looks_before_it_goes_on(
    board: Board, take: Callable[[], Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1e9]
    monkeypatch.setattr("time.time", lambda: now[0])
    held, lost = take(), None
    now[0] += 3600
    held.check()  # nobody came
    board.entry()
    now[0] += 1
    held.check()  # it is not asked at every call
    now[0] += 3600
    with pytest.raises(BoardError, match="board x: another client has used it meanwhile: open it again"):
        held.check()
    with pytest.raises(BoardError, match="another client has used it"):
        held.check()
    assert not held.held()
    lost = board.files[lease.PATH]
    held.close()
    assert board.files[lease.PATH] == lost, "it is theirs now"


def test_a_board_that_does_not_answer(board: Board, take: Callable[[], Lease]) -> None:
    held = take()
    board.gone = True
    held.close()
    with pytest.raises(BoardError, match="no answer"):
        take()


def test_left_to_end_by_itself(board: Board, take: Callable[[], Lease]) -> None:
    held = take()
    entry = board.files[lease.PATH]
    held.close(answers=False)
    assert board.files[lease.PATH] == entry


def test_a_system_without_uptime(board: Board, take: Callable[[], Lease], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "UPTIME", "/none")
    with pytest.raises(BoardError, match="/none says '', allowed: seconds"):
        take()
