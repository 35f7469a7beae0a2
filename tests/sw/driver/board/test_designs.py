"""Which built design is taken where none is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gatewright.driver.board import designs
from gatewright.driver.board.designs import board_name, choose_design
from gatewright.driver.errors import BackendUnavailable, ConfigMismatch
from gatewright.spec.config import get_config

TINY = get_config("tiny")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; no checkout's artefacts are seen."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(designs, "_CHECKOUT", tmp_path)
    return folder


def put(built_once: Path, folder: Path, built: str, tool: str = "openxc7") -> Path:
    """A design that was built at another time, by another tool."""
    shutil.copytree(built_once, folder)
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"built": built, "tool": tool}))
    return folder


def test_the_newest_that_fits(here: Path, built_once: Path) -> None:
    put(built_once, here / "bitstreams/zybo-z7-10/old", "2026-01-01T00:00:00Z")
    new = put(built_once, here / "bitstreams/zybo-z7-10/new", "2026-03-01T00:00:00Z")
    put(built_once, here / "bitstreams/zybo-z7-10/simulated", "2026-04-01T00:00:00Z", tool="simulation")
    (here / "bitstreams/zybo-z7-10/damaged").mkdir()
    (here / "bitstreams/zybo-z7-10/damaged/manifest.json").write_text("{")
    for board in ("", "zybo-z7-10"):
        assert choose_design(TINY, board, None).folder == new
    assert choose_design(None, "zybo-z7-10", None).folder == new
    with pytest.raises(BackendUnavailable, match=r"no bitstream of config 'pynq-z2' for any board in this folder"):
        choose_design(get_config("pynq-z2"), "", None)
    with pytest.raises(BackendUnavailable, match="for board 'kv260'"):
        choose_design(TINY, "kv260", None)


@pytest.mark.parametrize("place", [".", "bitstream"])
def test_of_a_bundle(place: str, here: Path, built_once: Path) -> None:
    if place == ".":
        for file in put(built_once, here.parent / "made", "2026-01-01T00:00:00Z").iterdir():
            shutil.copy(file, here)
    else:
        put(built_once, here / place, "2026-01-01T00:00:00Z")
    assert choose_design(TINY, "", None).folder == (here / place).resolve()


def test_of_another_board(here: Path, built_once: Path) -> None:
    with pytest.raises(ConfigMismatch, match="is for board 'zybo-z7-10', this one is 'pynq-z2'"):
        choose_design(TINY, "pynq-z2", built_once)


@pytest.mark.parametrize(
    ("image", "ours"),
    [("Pynq-Z2", "pynq-z2"), ("Pynq-Z1", ""), ("KV260", "kv260"), ("", ""), ("Zybo Z7-10", "zybo-z7-10")],
)
def test_names_of_images(image: str, ours: str) -> None:
    assert board_name(image) == ours
