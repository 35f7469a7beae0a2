"""Files that the commands write: never one that is read or written already, and whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatewright.cli.console import output

LINKS: dict[str, Callable[[Path], Path]] = {
    "itself": lambda path: path,
    "relative": lambda path: Path(".") / ".." / path.parent.name / path.name,
    "symbolic link": lambda path: _linked(path, os.symlink),
    "hard link": lambda path: _linked(path, os.link),
}


def _linked(path: Path, link: Callable[[Path, Path], None]) -> Path:
    link(path, path.with_name("link"))
    return path.with_name("link")


READ: dict[str, tuple[list[str], str]] = {
    "compile -o": (["compile", "m.onnx", "-o"], "m.onnx"),
    "compile -o, calibration": (["compile", "m.onnx", "--calibration", "x.npz", "-o"], "x.npz"),
    "compile -o, weights": (["compile", "big.onnx", "-o"], "weights.bin"),
    "compile --json": (["compile", "m.onnx", "-o", "m.gwp", "--json"], "m.onnx"),
    "check --json": (["check", "m.onnx", "--json"], "m.onnx"),
    "check --json, weights": (["check", "big.onnx", "--json"], "weights.bin"),
    "run --outputs, program": (["run", "linear.gwp", "--inputs", "x.npz", "--outputs"], "linear.gwp"),
    "run --outputs": (["run", "linear.gwp", "--inputs", "x.npz", "--outputs"], "x.npz"),
    "run --json": (["run", "linear.gwp", "--inputs", "x.npz", "--outputs", "y.npz", "--json"], "linear.gwp"),
    "inspect --html": (["inspect", "linear.gwp", "--html"], "linear.gwp"),
    "inspect --json": (["inspect", "linear.gwp", "--json"], "linear.gwp"),
    "recommend --json": (["recommend", "--user", "1", "--data", ".", "--json"], "movies.csv"),
    "simulate --json": (["simulate", "aggregate", "--graph", "movielens", "--data", ".", "--json"], "ratings.csv"),
    "simulate --waves": (["simulate", "aggregate", "--graph", "movielens", "--data", ".", "--waves"], "ratings.csv"),
}


OPTIONS = {"-o": "--output"}


@pytest.fixture
def folder(saved: Any, inputs: Path, model: Path, big_model: Path, tmp_path: Path, monkeypatch: Any) -> Path:
    """Everything that a command reads."""
    saved()
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n")
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _refused(done: Any, message: str) -> None:
    assert done.code == 2
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert "Traceback" not in done.err


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("case", READ)
def test_what_is_read_is_not_written(case: str, link: str, folder: Path, gatewright: Any) -> None:
    arguments, name = READ[case]
    before = (folder / name).read_bytes()
    out = LINKS[link](folder / name)
    names = sorted(folder.iterdir())
    _refused(gatewright(*arguments, out), f"{OPTIONS.get(arguments[-1], arguments[-1])} {out}: the same file as ")
    assert (folder / name).read_bytes() == before
    assert sorted(folder.iterdir()) == names


@pytest.mark.parametrize("name", ["u.data", "u.item", "u.genre"])
def test_no_file_of_another_form_of_ratings_is_written(name: str, tmp_path: Path, gatewright: Any) -> None:
    for each in ("u.data", "u.item", "u.genre"):
        (tmp_path / each).write_text("")
    done = gatewright("recommend", "--user", "1", "--data", tmp_path, "--json", tmp_path / name)
    _refused(done, f"--json {tmp_path / name}: the same file as ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["compile", "m.onnx", "-o", "out", "--json", "out"],
        ["run", "linear.gwp", "--inputs", "x.npz", "--outputs", "out", "--json", "./out"],
        ["inspect", "linear.gwp", "--html", "out", "--json", "out"],
        ["simulate", "gemm", "--json", "out", "--waves", "out"],
        ["verify", "gemm", "--junit", "out", "--waves", "out"],
        ["bench", "accelerator", "--html", "out", "--markdown", "out"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_two_outputs_are_two_files(arguments: list[str], folder: Path, gatewright: Any) -> None:
    _refused(gatewright(*arguments), "out: the same file as out, which --")
    assert not (folder / "out").exists()


def test_devices_may_be_shared(folder: Path, gatewright: Any) -> None:
    done = gatewright("inspect", "linear.gwp", "--html", "/dev/null", "--json", "/dev/null")
    assert done.code == 0, done.err
    assert Path("/dev/null").is_char_device()


WRITTEN: dict[str, list[str]] = {
    "compile": ["compile", "m.onnx", "--bucket", "n=4", "-o"],
    "compile --json": ["compile", "m.onnx", "--bucket", "n=4", "-o", "m.gwp", "--json"],
    "run --outputs": ["run", "linear.gwp", "--backend", "golden", "--inputs", "x.npz", "--outputs"],
    "inspect --html": ["inspect", "linear.gwp", "--html"],
    "inspect --json": ["inspect", "linear.gwp", "--json"],
    "simulate --json": ["simulate", "gemm", "--config", "tiny", "--m", "1", "--n", "1", "--k", "1", "--json"],
}


@pytest.mark.parametrize("case", WRITTEN)
def test_a_full_disk(case: str, folder: Path, gatewright: Any) -> None:
    _refused(gatewright(*WRITTEN[case], "/dev/full"), "/dev/full")


@pytest.mark.parametrize("case", WRITTEN)
def test_a_disk_that_fills_up_leaves_what_was_there(
    case: str, folder: Path, gatewright: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    (folder / "out").write_text("old")
    names = {*folder.iterdir()}
    monkeypatch.setattr(os, "fsync", full)
    _refused(gatewright(*WRITTEN[case], "out"), "No space left on device")
    assert (folder / "out").read_text() == "old"
    assert {*folder.iterdir()} == names


def test_a_file_where_a_folder_should_be(folder: Path, gatewright: Any) -> None:
    _refused(gatewright("generate", "--config", "tiny", "--out", "m.onnx"), "--out m.onnx: File exists")


CACHED: dict[str, list[str]] = {
    "simulate": ["simulate", "gemm", "--config", "tiny", "--m", "1", "--n", "1", "--k", "1"],
    "bench": ["bench", "simulator", "--config", "tiny"],
    "verify": ["verify", "sequencer"],
    "run": ["run", "linear.gwp", "--backend", "rtl", "--inputs", "x.npz", "--outputs", "y.npz"],
    "recommend": ["recommend", "--user", "15", "--config", "tiny", "--backend", "golden"],
}


@pytest.mark.parametrize("where", ["/dev/null/below"])
@pytest.mark.parametrize("case", CACHED)
def test_a_cache_that_cannot_be(
    case: str, where: str, folder: Path, small_movielens: Path, gatewright: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", where)
    data = ["--data", small_movielens] if case == "recommend" else []
    _refused(gatewright(*CACHED[case], *data), f"cache {where}")


def test_info_says_what_a_cache_that_cannot_be_costs(gatewright: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", "/dev/null")
    monkeypatch.setattr(output(), "_width", 300)
    done = gatewright("info")
    assert done.code == 0
    assert "cache /dev/null" in done.out


def test_a_compiler_that_does_not_exist(gatewright: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "nccache g++")
    _refused(gatewright(*CACHED["simulate"]), "CXX is 'nccache g++'")
    _refused(gatewright(*CACHED["verify"]), "CXX is 'nccache g++'")
