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
SETTLE_S, TORN = lease.SETTLE_S, lease._TORN


class Board:
    """Files of a board, as a port gives them; its uptime is the test's."""

    label = "board x"

    def __init__(self) -> None:
        self.files = {BOOT: b"one\n"}
        self.uptime = 1000.0
        self.read: Callable[[], object] = lambda: None
        self.written: Callable[[], object] = lambda: None
        self.gone = False

    def read_file(self, path: str) -> bytes | None:
        if self.gone:
            raise BoardError("no answer")
        if path == lease.PATH:
            self.read()
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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of this process, which pass by sleep alone, or as a test says."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(lease, "SETTLE_S", SETTLE_S)
    monkeypatch.setattr(lease, "_TORN", TORN)
    return now


def test_who_writes_slowly_is_waited_for(board: Board, take: Callable[[], Lease], clock: list[float]) -> None:
    """An entry that is empty while it is being written is not nobody's."""
    board.files[lease.PATH] = b""
    board.read = lambda: board.entry() if clock[0] > 1.5 else None
    with pytest.raises(BoardError, match="process 77 on pc"):
        take()


def test_who_looks_slowly_looks_again_before_writing(
    board: Board, take: Callable[[], Lease], clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another came after the look, and has seen its own entry stay, before this one writes."""
    read_text, others = board.read_text, [board.entry]

    def slow(path: str) -> str:
        if path == lease.UPTIME and others:
            clock[0] += 1.0
            others.pop()()
        return read_text(path)

    monkeypatch.setattr(board, "read_text", slow)
    with pytest.raises(BoardError, match="process 77 on pc"):
        take()
    assert json.loads(board.files[lease.PATH])["process"] == 77, "theirs was not written over"


def test_on_a_slow_way_the_later_is_seen_as_well(board: Board, take: Callable[[], Lease], clock: list[float]) -> None:
    """Whoever looked just before this one wrote needs as long to write."""
    written: list[float] = []

    def slow() -> None:
        clock[0] += 0.5

    def later() -> None:
        if written and clock[0] >= written[0] + 1.0:
            board.entry()
        clock[0] += 0.5

    board.read, board.written = later, lambda: (slow(), written.append(clock[0]))
    with pytest.raises(BoardError, match="process 77 on pc"):
        take()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BoardError("no answer"), RuntimeError("no thread")])
@pytest.mark.parametrize("where", ["the last look", "the thread"])
def test_what_breaks_off_leaves_nothing(
    where: str, error: BaseException, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        board.read = lambda: None
        raise error

    if where == "the thread":
        monkeypatch.setattr(threading.Thread, "start", fail)
    else:
        board.written = lambda: setattr(board, "read", fail)
    with pytest.raises(type(error)):
        Lease(board)  # type: ignore[arg-type]
    assert json.loads(board.files[lease.PATH])["owner"] == ""


def test_one_that_ran_out_is_taken_anew(
    board: Board, take: Callable[[], Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another client saw it free, and writes just after it is renewed."""
    now = [1e9]
    monkeypatch.setattr("time.time", lambda: now[0])
    held = take()
    for passed, theirs in ((lease.TERM_S - 1, False), (lease.TERM_S, True)):
        board.uptime += passed
        now[0] += 3600
        board.written = board.entry if theirs else lambda: None
        if not theirs:
            held.check()
    with pytest.raises(BoardError, match="board x: another client has used it meanwhile: open it again"):
        held.check()
    with pytest.raises(BoardError, match="another client has used it"):
        held.check()


def test_a_look_waits_for_a_write_of_ours(board: Board, take: Callable[[], Lease]) -> None:
    held = take()
    held._lock.acquire()
    looks: list[bool] = []
    looking = threading.Thread(target=lambda: looks.append(held.held()))
    board.files[lease.PATH], whole = b"", board.files[lease.PATH]
    looking.start()
    looking.join(0.1)
    board.files[lease.PATH] = whole
    held._lock.release()
    looking.join(30)
    assert looks == [True]


def test_it_wears_out_no_card() -> None:
    """It is written every few seconds: where it lies is memory on any Linux (FHS 3.0, 3.15)."""
    assert lease.PATH.startswith("/run/")


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
