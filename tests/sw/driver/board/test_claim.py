"""One accelerator, one owner: in a process, between processes, and after one was killed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gatewright.driver.board import claim, lease
from gatewright.driver.board.claim import Claim
from gatewright.driver.board.lease import Lease
from gatewright.driver.board.pynq_versions import BoardPort
from gatewright.driver.errors import BoardError

HOLD = """
import sys
from types import SimpleNamespace
from gatewright.driver.board import claim, lease
from gatewright.driver.board.pynq_versions import BoardPort
claim.PATH, lease.PATH = sys.argv[1:]
device = SimpleNamespace(has_capability=lambda name: False)
held = claim.Claim(BoardPort(SimpleNamespace(__version__="3.1.2"), device, "this board"))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BoardPort:
    """Of this machine, whose files are a board's."""
    monkeypatch.setattr(claim, "PATH", str(tmp_path / "lock"))
    monkeypatch.setattr(lease, "PATH", str(tmp_path / "lease"))
    monkeypatch.setattr(lease, "SETTLE_S", 0.0)
    device = SimpleNamespace(has_capability=lambda name: False)
    return BoardPort(SimpleNamespace(__version__="3.1.2"), device, "this board")


def test_in_one_process(port: BoardPort) -> None:
    first = Claim(port)
    with pytest.raises(BoardError, match="in use by this process, which must close it first"):
        Claim(port)
    first.close()
    first.close()
    Claim(port).close()


def test_a_fork_does_not_keep_it(port: BoardPort) -> None:
    first = Claim(port)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(read, 1)
        os._exit(0)
    first.close()
    Claim(port).close()
    os.write(write, b"x")
    os.waitpid(child, 0)


def test_between_processes_and_after_a_kill(port: BoardPort) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, claim.PATH, lease.PATH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BoardError, match=f"in use by process {holder.pid}$"):
            Claim(port)
        with pytest.raises(BoardError, match=f"in use by process {holder.pid} on the board itself: end it first; if"):
            Lease(port)  # as a client on a PC
    finally:
        holder.kill()
        holder.wait(30)
        holder.stdin.close()
        holder.stdout.close()
    with pytest.raises(BoardError, match=r"on the board itself: .* if it was killed, the board is free in \d+ s"):
        Lease(port)
    Claim(port).close()  # those on the board need not wait
    Lease(port).close()


def test_clients_on_a_pc_keep_it_as_well(port: BoardPort) -> None:
    theirs = Lease(port)
    for _ in range(2):  # the lock is not kept by who is refused
        with pytest.raises(BoardError, match="this board: the accelerator is in use by"):
            Claim(port)
    theirs.close()
    ours = Claim(port)
    ours.check()
    with pytest.raises(BoardError, match=r"in use by process \d+ on the board itself"):
        Lease(port)
    ours.close()
    Lease(port).close()


def test_one_that_was_lost(port: BoardPort, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process on the board was stopped for so long that a client elsewhere took it for dead."""
    ours = Claim(port)
    monkeypatch.setattr(Lease, "_refuse", lambda lease, found: None)
    theirs = Lease(port)
    assert not ours.held()
    ours.close()
    assert theirs.held()
    theirs.close()


def test_where_it_cannot_be_written(port: BoardPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "PATH", "/no/such/folder/lock")
    with pytest.raises(BoardError, match=r"/no/such/folder/lock, which says .*: No such file or directory$"):
        Claim(port)


@pytest.mark.parametrize(("number", "as_root"), [(errno.EACCES, True), (errno.EROFS, False), (errno.ENOSPC, False)])
def test_root_is_the_remedy_of_missing_rights_alone(
    number: int, as_root: bool, port: BoardPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(BoardError, match=os.strerror(number)) as error:
        Claim(port)
    assert ("run it as root" in str(error.value)) is as_root


def test_a_file_system_without_locks(port: BoardPort, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(BoardError, match=r"lock, which says .*: No locks available$"):
        Claim(port)


def test_files_of_a_callers_own_device_are_not_locked(port: BoardPort) -> None:
    port.foreign_files = True
    Claim(port)
    Claim(port)
