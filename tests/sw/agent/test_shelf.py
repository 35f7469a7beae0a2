"""Programs are held once, for as long as somebody needs them."""

import time

import pytest

from gatewright.agent.errors import ProgramNotLoaded
from gatewright.agent.shelf import Shelf


class Loaded:
    """Stands for a loaded program."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(session_s=1000.0)


def test_two_sessions_share_a_program(shelf: Shelf) -> None:
    first = shelf.put("p", "one", Loaded)
    assert shelf.put("p", "two", Loaded) is first
    shelf.release("p", "one")
    assert shelf.get("p", "two") is first
    shelf.end("two")
    assert first.closed == 1
    with pytest.raises(ProgramNotLoaded):
        shelf.get("p", "one")


def test_using_is_holding(shelf: Shelf) -> None:
    loaded = shelf.put("p", "one", Loaded)
    shelf.get("p", "two")
    shelf.end("one")
    assert loaded.closed == 0


def test_a_program_that_does_not_load_is_not_there(shelf: Shelf) -> None:
    def fail() -> Loaded:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        shelf.put("p", "one", fail)
    with pytest.raises(ProgramNotLoaded):
        shelf.get("p", "one")
    shelf.put("p", "one", Loaded)


def test_a_session_that_went_silent_ends(monkeypatch: pytest.MonkeyPatch, shelf: Shelf) -> None:
    now = time.monotonic()
    silent, live = shelf.put("p", "silent", Loaded), shelf.put("q", "live", Loaded)
    monkeypatch.setattr(time, "monotonic", lambda: now + 999)
    shelf.expire()
    assert silent.closed == 0
    shelf.seen("live")
    monkeypatch.setattr(time, "monotonic", lambda: now + 1001)
    shelf.expire()
    assert (silent.closed, live.closed) == (1, 0)


def test_clear_frees_all_and_lets_sessions_live(shelf: Shelf) -> None:
    loaded = shelf.put("p", "one", Loaded)
    shelf.clear()
    assert loaded.closed == 1
    with pytest.raises(ProgramNotLoaded):
        shelf.get("p", "one")
    assert shelf.put("p", "one", Loaded) is not loaded
