"""Which built design is taken where none is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gatewright.artefact import ArtefactError, read_bit
from gatewright.artefact.header import header
from gatewright.artefact.manifest import MANIFEST
from gatewright.driver.board import designs
from gatewright.driver.board.designs import board_name, choose_design
from gatewright.driver.errors import BackendUnavailable, ConfigMismatch
from gatewright.spec.boards import get_board
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


def put(built_once: Path, folder: Path, built: str, **fields: object) -> Path:
    """A design that was built at another time, by another tool."""
    shutil.copytree(built_once, folder)
    manifest = json.loads((folder / MANIFEST).read_text()) | {"built": built, "tool": "openxc7"} | fields
    (bit,), (hwh,) = folder.glob("*.bit"), folder.glob("*.hwh")
    stated = {name: value for name, value in manifest.items() if name != "format"}
    content = replace(read_bit(bit), design=header(stated, hwh.read_bytes())).to_bytes()
    bit.write_bytes(content)
    manifest["files"][bit.name] = hashlib.sha256(content).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tool": "simulation"}, "since it holds no hardware: a virtual board takes it where its folder is named"),
        ({"unvouched": ["rebuilt"]}, "since nobody vouches for it: GATEWRIGHT_UNVOUCHED tells"),
    ],
)
def test_what_is_passed_over_is_said(here: Path, built_once: Path, fields: dict[str, object], said: str) -> None:
    folder = put(built_once, here / "bitstreams/zybo-z7-10/made", "2026-01-01T00:00:00Z", **fields)
    with pytest.raises(BackendUnavailable, match=f"gatewright build makes one; {folder} is passed over, {said}"):
        choose_design(TINY, "zybo-z7-10", None)


def test_the_newest_that_fits(here: Path, built_once: Path) -> None:
    put(built_once, here / "bitstreams/zybo-z7-10/old", "2026-01-01T00:00:00Z")
    new = put(built_once, here / "bitstreams/zybo-z7-10/new", "2026-03-01T00:00:00Z")
    put(built_once, here / "bitstreams/zybo-z7-10/unvouched", "2026-05-01T00:00:00Z", unvouched=["rebuilt"])
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


def test_a_folder_of_others_is_passed_over(here: Path, built_once: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root's in /tmp: it is there, and cannot be entered."""
    made = put(built_once, here / "made", "2026-01-01T00:00:00Z")
    others = here / "others"
    others.mkdir()
    stat = Path.stat

    def refused(path: Path, **options: bool) -> object:
        if others in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refused)
    assert choose_design(TINY, "zybo-z7-10", None).folder == made


def test_a_board_that_is_not_known_must_be_named_where_there_is_a_choice(
    here: Path, built_once: Path, make_design: Callable[..., Path]
) -> None:
    only = put(built_once, here / "bitstreams/zybo-z7-10/made", "2026-01-01T00:00:00Z")
    assert choose_design(None, "", None).folder == only
    other = make_design(here.parent / "made", get_board("kv260"))
    put(other, here / "bitstreams/kv260/made", "2026-02-01T00:00:00Z")
    with pytest.raises(BackendUnavailable, match="bitstreams for kv260 and zybo-z7-10: name it, allowed: kv260"):
        choose_design(None, "", None)
    assert choose_design(None, "zybo-z7-10", None).folder == only


def test_a_file_that_is_no_bitstream(here: Path) -> None:
    (here / "notes.txt").touch()
    with pytest.raises(ArtefactError, match=r"bitstream notes\.txt is a file, allowed: the folder of a built design"):
        choose_design(TINY, "", "notes.txt")


def test_what_nobody_vouches_for_is_taken_knowingly(
    here: Path, built_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting names the one design; that of another, or a yes, is none."""
    reasons = ["a tool of unknown date", "a rebuilt tile grid"]
    folder = put(built_once, here / "bitstreams/zybo-z7-10/made", "2026-01-01T00:00:00Z", unvouched=reasons)
    name = next(folder.glob("*.bit")).stem
    said = f"nobody vouches for {name}: {'; '.join(reasons)}; GATEWRIGHT_UNVOUCHED={name} takes it all the same"
    for setting in ("", "1", name[:-1]):
        monkeypatch.setenv("GATEWRIGHT_UNVOUCHED", setting)
        with pytest.raises(ArtefactError, match=said):
            choose_design(TINY, "zybo-z7-10", folder)
    monkeypatch.setenv("GATEWRIGHT_UNVOUCHED", name)
    for named in (folder, None):
        assert choose_design(TINY, "zybo-z7-10", named).folder == folder


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
