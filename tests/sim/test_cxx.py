"""Which C++ compiler is taken, and what is said where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gatewright.driver import BackendUnavailable
from gatewright_sim.cxx import find_cxx


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with g++ and ccache alone."""
    for name in ("g++", "ccache"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (None, ["g++"]),
        ("", ["g++"]),
        (" ", ["g++"]),
        ("g++", ["g++"]),
        ("ccache g++", ["ccache", "g++"]),
        ("g++ -m64 '-DNAME=a b'", ["g++", "-m64", "-DNAME=a b"]),
    ],
)
def test_the_command(given: str | None, command: list[str], tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    if given is not None:
        monkeypatch.setenv("CXX", given)
    assert find_cxx() == [str(tools / command[0]), *command[1:]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("/no/such/compiler", "CXX is '/no/such/compiler', and there is no program '/no/such/compiler': apt-get"),
        ("nccache g++", r"CXX is 'nccache g\+\+', and there is no program 'nccache': apt-get"),
        ("g++ 'open", "allowed: a command as in a shell"),
    ],
)
@pytest.mark.usefixtures("tools")
def test_a_command_that_cannot_be(given: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", given)
    with pytest.raises(BackendUnavailable, match=message):
        find_cxx()


def test_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"needs a C\+\+ compiler: apt-get install g\+\+"):
        find_cxx()
