"""The cache: where it lies, and entries that appear whole or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gatewright.cache import cache_dir, cached_directory, digest


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_dir("a", "b") == tmp_path / "cache/a/b"
    monkeypatch.delenv("GATEWRIGHT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg/gatewright"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_dir() == tmp_path / "home/.cache/gatewright"
    assert cache_dir().is_dir()


def test_a_digest_tells_parts_apart() -> None:
    assert digest("ab", "c") == digest(b"ab", "c")
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("abc", "")}) == 4


def test_an_entry_is_made_once(root: Path) -> None:
    made = []

    def make(path: Path) -> None:
        made.append(path)
        (path / "file").write_text("content")

    first = cached_directory("kind", "key", make)
    assert cached_directory("kind", "key", make) == first == root / "kind/key"
    assert (first / "file").read_text() == "content"
    assert len(made) == 1


def test_a_failed_attempt_leaves_nothing(root: Path) -> None:
    def fail(path: Path) -> None:
        (path / "half").write_text("half")
        raise RuntimeError("no luck")

    with pytest.raises(RuntimeError, match="no luck"):
        cached_directory("kind", "key", fail)
    assert list((root / "kind").iterdir()) == []


def test_two_that_make_the_same_entry_do_not_collide(root: Path) -> None:
    meet = threading.Barrier(2, timeout=10)
    found: list[Path] = []

    def make(path: Path) -> None:
        (path / "file").write_text("content")
        meet.wait()  # both have begun before either is done

    threads = [threading.Thread(target=lambda: found.append(cached_directory("kind", "key", make))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert found == [root / "kind/key"] * 2
    assert [path.name for path in (root / "kind").iterdir()] == ["key"]


def test_a_place_that_is_taken_by_a_file(root: Path) -> None:
    cache_dir("kind")
    (root / "kind/key").write_text("not a directory")
    with pytest.raises(OSError, match="key"):
        cached_directory("kind", "key", lambda path: None)
