"""Files that appear whole or not at all, whatever stands in their place."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewright.files import check_writable, folder_written_whole, read_npz, reason, same_file, silence, written_whole


def _write(path: Path, text: str = "new") -> None:
    with written_whole(path) as file:
        file.write(text.encode())


def test_a_new_file(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "new")]


def test_the_mode_of_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "a").chmod(0o640)
    _write(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("x"), KeyboardInterrupt("x")])
@pytest.mark.parametrize("before", ["old", None])
def test_a_failure_leaves_what_was_there(before: str | None, error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a"
    if before is not None:
        path.write_text(before)

    def fail() -> None:
        with written_whole(path) as file:
            file.write(b"half")
            file.flush()
            raise error

    with pytest.raises(type(error)):
        fail()
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ([] if before is None else [before])


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_one(there: bool, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    if there:
        (tmp_path / "folder/target").write_text("old")
    (tmp_path / "link").symlink_to("folder/target")
    _write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder/target").read_text() == "new"
    assert len(list((tmp_path / "folder").iterdir())) == 1


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    check_writable(path)
    _write(path)
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert path.is_fifo()


def test_a_file_that_is_not_written_from_front_to_back_is_no_device(tmp_path: Path) -> None:
    check_writable(tmp_path / "a", seeks=True)
    with pytest.raises(OSError, match="Illegal seek"):
        check_writable("/dev/null", seeks=True)


def test_a_device_stays_one() -> None:
    """Whoever may replace anything would else replace /dev/null."""
    check_writable("/dev/null")
    _write(Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_a_full_disk() -> None:
    with pytest.raises(OSError, match="No space left"):
        _write(Path("/dev/full"))


PLACES: dict[str, tuple[str, str]] = {
    "missing folder": ("none/a", "No such file or directory"),
    "a folder": (".", "Is a directory"),
    "below a file": ("file/a", "Not a directory"),
    "name too long": (300 * "a", "File name too long"),
}


@pytest.mark.parametrize("write", [check_writable, _write])
@pytest.mark.parametrize("case", PLACES)
def test_places_that_cannot_be(case: str, write: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    where, message = PLACES[case]
    with pytest.raises(OSError, match=message) as caught:
        write(tmp_path / where)
    assert message in reason(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("there", [True, False])
def test_a_check_changes_nothing(there: bool, tmp_path: Path) -> None:
    if there:
        (tmp_path / "a").write_text("old")
    check_writable(tmp_path / "a")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"] * there


NAMES: dict[str, Callable[[Path], Path]] = {
    "itself": lambda path: path,
    "another spelling": lambda path: path.parent / "." / ".." / path.parent.name / path.name,
    "symbolic link": lambda path: _linked(path, os.symlink),
    "hard link": lambda path: _linked(path, os.link),
}


def _linked(path: Path, link: Callable[[Path, Path], None]) -> Path:
    link(path, path.with_name("link"))
    return path.with_name("link")


@pytest.mark.parametrize("name", NAMES)
def test_names_of_one_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    assert same_file(NAMES[name](tmp_path / "a"), tmp_path / "a")
    assert not same_file(tmp_path / "a", tmp_path / "b")


def test_names_of_one_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a")
    assert same_file(tmp_path / "link", tmp_path / "a")
    assert not same_file(tmp_path / "a", tmp_path / "b")


def test_silence_of_a_stream_without_a_descriptor(capsys: pytest.CaptureFixture[str]) -> None:
    silence(None)
    silence(sys.stdout)
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def _fill(path: Path, names: str, error: BaseException | None = None) -> None:
    with folder_written_whole(path) as folder:
        for name in names.split():
            (folder / name).write_text(name)
        if error is not None:
            raise error


@pytest.mark.parametrize("before", ["old", "", None])
def test_a_folder_replaces_what_was_there(before: str | None, tmp_path: Path) -> None:
    path = tmp_path / "folder"
    if before is not None:
        _fill(path, before)
        path.chmod(0o750)
    _fill(path, "new other")
    assert sorted(file.name for file in path.iterdir()) == ["new", "other"]
    assert before is None or path.stat().st_mode & 0o777 == 0o750
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("x"), KeyboardInterrupt("x")])
@pytest.mark.parametrize("before", ["old", None])
def test_a_folder_that_fails_leaves_what_was_there(before: str | None, error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "folder"
    if before is not None:
        _fill(path, before)
    with pytest.raises(type(error)):
        _fill(path, "new", error)
    assert [file.name for file in tmp_path.rglob("*")] == (["folder", "old"] if before else [])


def test_a_link_to_a_folder_stays_one(tmp_path: Path) -> None:
    _fill(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    _fill(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert [file.name for file in (tmp_path / "real").iterdir()] == ["new"]


def test_a_folder_replaces_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError):
        _fill(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def _spoilt(data: bytes, rng: np.random.Generator) -> bytes:
    spoilt = bytearray(data)
    for at in rng.integers(len(data), size=3):
        spoilt[at] = rng.integers(256)
    return bytes(spoilt[: rng.integers(len(data))] if rng.random() < 0.2 else spoilt)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_archives_say_so(save: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "x.npz"
    save(path, x=np.arange(100.0).reshape(4, 25), y=np.ones(3, np.int8))
    assert read_npz(path)["y"].tolist() == [1, 1, 1]
    data = path.read_bytes()
    refused = 0
    for _ in range(300):
        path.write_bytes(_spoilt(data, rng))
        try:
            read_npz(path)
        except (ValueError, OSError):
            refused += 1
    assert refused > 150


def test_one_array_is_no_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones(3))
    with pytest.raises(ValueError, match="one array, without a name"):
        read_npz(tmp_path / "x.npy")


@pytest.mark.parametrize("size", [2**34, 2**60, 2**64, 10**30])
def test_an_array_larger_than_any_memory_is_damage(tmp_path: Path, size: int) -> None:
    entry = BytesIO()
    np.save(entry, np.zeros((3, 8), np.float32))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("x.npy", entry.getvalue().replace(b"(3, 8)", f"({size}, 8)".encode()))
    with pytest.raises(ValueError, match=r"\w"):
        read_npz(tmp_path / "x.npz")
