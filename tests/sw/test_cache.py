"""The cache: where it lies, entries that appear whole or not at all, and damage that is seen and mended."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatewright import cache
from gatewright.cache import CacheError, cache_dir, cached_directory, digest
from gatewright.sums import SUMS


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Maker:
    """Makes an entry of two files, and counts how often."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, path: Path) -> None:
        self.made += 1
        (path / "file").write_text("content")
        (path / "folder").mkdir()
        (path / "folder/other").write_bytes(bytes(range(256)))


@pytest.fixture
def make() -> Maker:
    return Maker()


def _entries(folder: Path) -> list[str]:
    """What a user sees: locks stay, hidden and empty."""
    assert all(path.stat().st_size == 0 for path in folder.glob(".*.lock"))
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


# ---- where


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_dir("a", "b") == tmp_path / "cache/a/b"
    monkeypatch.delenv("GATEWRIGHT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg/gatewright"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_dir() == tmp_path / "home/.cache/gatewright"
    assert cache_dir().is_dir()


def test_a_relative_place_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWRIGHT_CACHE", "here")
    assert cache_dir("kind") == tmp_path / "here/kind"


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWRIGHT_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: (_ for _ in ()).throw(KeyError(uid)))
    with pytest.raises(CacheError, match=r"home directory.*GATEWRIGHT_CACHE"):
        cache_dir()


def test_a_digest_tells_parts_apart() -> None:
    assert digest("ab", "c") == digest(b"ab", "c")
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("abc", "")}) == 4


# ---- entries


def test_an_entry_is_made_once(root: Path, make: Maker) -> None:
    first = cached_directory("kind", "key", make)
    assert cached_directory("kind", "key", make) == first == root / "kind/key"
    assert (first / "file").read_text() == "content"
    assert make.made == 1
    assert _entries(root / "kind") == ["key"]


def test_an_entry_can_be_checked_by_hand(make: Maker) -> None:
    entry = cached_directory("kind", "key", make)
    subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=entry, check=True, timeout=60)


@pytest.mark.parametrize("error", [RuntimeError("no luck"), KeyboardInterrupt("no luck")])
def test_a_failed_attempt_leaves_nothing(root: Path, error: BaseException) -> None:
    def fail(path: Path) -> None:
        (path / "half").write_text("half")
        raise error

    with pytest.raises(type(error), match="no luck"):
        cached_directory("kind", "key", fail)
    assert _entries(root / "kind") == []


def test_several_that_need_an_entry_make_it_once(root: Path, make: Maker) -> None:
    def slowly(path: Path) -> None:
        make(path)
        time.sleep(0.2)

    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(cached_directory("kind", "key", slowly))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert found == [root / "kind/key"] * 4
    assert make.made == 1


ONCE = """
import sys, time
from gatewright.cache import cached_directory
def make(path):
    (path / "file").write_text("content")
    print("made", flush=True)
    time.sleep(0.5)
print(cached_directory("kind", "key", make))
"""


def test_several_processes_make_it_once(root: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", ONCE], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = [process.communicate(timeout=120)[0].split() for process in processes]
    assert sorted(printed, key=len) == [[f"{root}/kind/key"]] * 2 + [["made", f"{root}/kind/key"]]


def test_entries_of_other_keys_do_not_wait(make: Maker) -> None:
    def nested(path: Path) -> None:
        make(path)
        cached_directory("kind", "other", make)

    cached_directory("kind", "key", nested)
    assert make.made == 2


SLOW = """
import sys, time
from gatewright.cache import cached_directory
def make(path):
    (path / "half").write_text("half")
    print("working", flush=True)
    time.sleep(60)
cached_directory("kind", "key", make)
"""


@pytest.fixture
def working() -> Any:
    """Another process in the middle of making the entry."""
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "working\n"
    yield process
    process.kill()
    process.communicate()


def test_a_process_that_does_not_finish_is_named_by_its_lock(
    working: Any, root: Path, make: Maker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache, "LOCK_TIMEOUT_S", 0.2)
    with pytest.raises(CacheError, match=r"still being made by another process after 0\.2 s.*key\.lock"):
        cached_directory("kind", "key", make)
    assert [record.message for record in caplog.records] == [
        f"cache entry {root}/kind/key is being made by another process: waiting for {root}/kind/.key.lock"
    ]
    assert make.made == 0


@pytest.mark.parametrize("key", ["key", "another"])
def test_what_a_killed_process_leaves_is_swept(working: Any, key: str, root: Path, make: Maker) -> None:
    cached_directory("kind", "another", make)
    assert len(_entries(root / "kind")) == 2  # what a living process works on stays
    shutil.rmtree(root / "kind/another")
    working.send_signal(signal.SIGKILL)
    working.wait(timeout=30)
    assert len(list((root / "kind").glob(".key.*.work/half"))) == 1
    assert cached_directory("kind", key, make) == root / "kind" / key
    assert _entries(root / "kind") == [key]


# ---- damage


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "halved": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "first bit": lambda path: _flip(path, 0),
    "last bit": lambda path: _flip(path, -1),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "deleted": Path.unlink,
    "a folder": _folder,
    "a dangling link": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "not text": lambda path: path.write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("file", ["file", "folder/other", SUMS])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_made_again(
    damage: str, file: str, root: Path, make: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    entry = cached_directory("kind", "key", make)
    DAMAGE[damage](entry / file)
    assert caplog.records == []
    for _ in range(2):
        assert cached_directory("kind", "key", make) == entry
        assert (entry / "file").read_text() == "content"
        assert (entry / "folder/other").read_bytes() == bytes(range(256))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"cache entry {entry} is damaged (" in record.message
    assert make.made == 2
    assert _entries(root / "kind") == ["key"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: (shutil.rmtree(entry), entry.write_text("a file")),
        lambda entry: (shutil.rmtree(entry), entry.symlink_to("nowhere")),
        lambda entry: (shutil.rmtree(entry), entry.mkdir()),
        lambda entry: (entry / "more").write_text("a file that was not made"),
    ],
    ids=["a file", "a dangling link", "an empty folder", "one file more"],
)
def test_a_damaged_entry_is_made_again(
    spoil: Callable[[Path], object], root: Path, make: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    entry = cached_directory("kind", "key", make)
    spoil(entry)
    for _ in range(2):
        assert (cached_directory("kind", "key", make) / "file").read_text() == "content"
    assert len(caplog.records) == 1
    assert _entries(root / "kind") == ["key"]


def test_a_notice_is_one_line_on_stderr(make: Maker, root: Path) -> None:
    entry = cached_directory("kind", "key", make)
    (entry / "file").unlink()
    code = "from gatewright.cache import cached_directory as c; c('kind', 'key', lambda p: (p / 'f').write_text(''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == f"cache entry {entry} is damaged (file is missing): it is made again\n"


# ---- places that cannot be written


@pytest.mark.parametrize("where", ["/dev/null", "/dev/null/below", "/proc/gatewright", "/" + 300 * "x"])
def test_a_place_that_cannot_be_written(where: str, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", where)
    with pytest.raises(CacheError, match=f"cache {where}.*; GATEWRIGHT_CACHE can name another folder"):
        cached_directory("kind", "key", make)


def test_a_read_only_cache_serves_what_it_has(root: Path, make: Maker) -> None:
    cached_directory("kind", "key", make)
    (root / "kind/.key.lock").unlink()
    assert cached_directory("kind", "key", make) == root / "kind/key"
    assert _entries(root / "kind") == ["key"]
    assert not (root / "kind/.key.lock").exists()  # nothing is written for an entry that is there


@pytest.mark.parametrize("call", ["os.open", "pathlib.Path.mkdir", "pathlib.Path.write_text", "pathlib.Path.rename"])
def test_a_full_disk(call: str, make: Maker, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_dir("kind")

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(call, full)
        with pytest.raises(CacheError, match=r"cache .*: No space left on device; GATEWRIGHT_CACHE can name"):
            cached_directory("kind", "key", make)
    assert _entries(root / "kind") == []
    assert cached_directory("kind", "key", make) == root / "kind/key"
