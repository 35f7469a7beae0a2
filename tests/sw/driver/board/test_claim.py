"""One accelerator, one owner: in a process, between processes, and after one was killed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gatewright.driver.board import claim
from gatewright.driver.board.claim import Claim
from gatewright.driver.errors import BoardError

HOLD = """
import sys
from types import SimpleNamespace
from gatewright.driver.board import claim
claim.PATH = sys.argv[1]
held = claim.Claim(SimpleNamespace(remote=False, foreign_files=False, label="this board"))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(claim, "PATH", str(tmp_path / "lock"))
    return SimpleNamespace(remote=False, foreign_files=False, label="this board")


def test_in_one_process(port: Any) -> None:
    first = Claim(port)
    with pytest.raises(BoardError, match="in use by this process, which must close it first"):
        Claim(port)
    first.close()
    first.close()
    Claim(port).close()


def test_a_fork_does_not_keep_it(port: Any) -> None:
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


def test_between_processes_and_after_a_kill(port: Any) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, claim.PATH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BoardError, match=f"in use by process {holder.pid}"):
            Claim(port)
    finally:
        holder.kill()
        holder.wait(30)
        holder.stdin.close()
        holder.stdout.close()
    Claim(port).close()


def test_where_it_cannot_be_written(port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "PATH", "/no/such/folder/lock")
    with pytest.raises(BoardError, match=r"/no/such/folder/lock, which says .*: No such file or directory$"):
        Claim(port)


@pytest.mark.parametrize(("number", "as_root"), [(errno.EACCES, True), (errno.EROFS, False), (errno.ENOSPC, False)])
def test_root_is_the_remedy_of_missing_rights_alone(
    number: int, as_root: bool, port: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(BoardError, match=os.strerror(number)) as error:
        Claim(port)
    assert ("run it as root" in str(error.value)) is as_root


def test_a_file_system_without_locks(port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(BoardError, match=r"lock, which says .*: No locks available$"):
        Claim(port)


def test_files_of_a_callers_own_device_are_not_locked(port: Any) -> None:
    port.foreign_files = True
    Claim(port)
    Claim(port)
