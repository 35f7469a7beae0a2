"""Which design is kept, wherever the agent that replaces it ends: a design may freeze the board that loads it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewright.agent.kept import KeptDesign
from gatewright.artefact import load_built

REPLACING = """
import os, sys
from pathlib import Path
from gatewright.agent.kept import KeptDesign

folder, design, moment = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
rename, done = Path.rename, []

def renamed(path, target):
    if len(done) == moment:
        os.kill(os.getpid(), 9)
    done.append(rename(path, target))

Path.rename = renamed
with KeptDesign(folder).replaced_by({path.name: path for path in design.iterdir()}):
    if moment < 0:
        os.kill(os.getpid(), 9)
"""
LOADING = -1
"""Moment: the board is frozen; the others are before the n-th change of names."""


def _killed(folder: Path, design: Path, moment: int) -> None:
    command = [sys.executable, "-c", REPLACING, str(folder), str(design), str(moment)]
    assert subprocess.run(command, timeout=60).returncode == -9


def _name(design: Path) -> str:
    return load_built(design).path(".bit").stem


def _found(folder: Path) -> str | None:
    """What an agent that starts again opens; twice, as it may end once more."""
    names = [found and found.path(".bit").stem for found in (KeptDesign(folder).find() for _ in range(2))]
    assert names[0] == names[1]
    return names[0]


def _put(folder: Path, design: Path) -> None:
    with KeptDesign(folder).replaced_by({path.name: path for path in design.iterdir()}):
        pass


@pytest.fixture
def other(make_design: Callable[..., Path], tmp_path: Path) -> Path:
    """A design that a board is frozen by."""
    return make_design(tmp_path / "other", mhz=50)


@pytest.mark.parametrize("moment", [LOADING, 0, 1, 2])
def test_a_kill_leaves_the_former_design(moment: int, design: Path, other: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    _put(folder, design)
    _killed(folder, other, moment)
    assert _found(folder) == _name(design)
    _put(folder, other)
    assert _found(folder) == _name(other)
    assert [path.name for path in folder.iterdir()] == ["flashed"]


@pytest.mark.parametrize("moment", [LOADING, 0, 1])
def test_a_kill_over_the_first_one_leaves_none(moment: int, design: Path, other: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    _killed(folder, other, moment)
    assert _found(folder) is None
    _put(folder, design)
    assert _found(folder) == _name(design)


def test_a_flash_after_a_kill_keeps_the_former_design(design: Path, other: Path, tmp_path: Path) -> None:
    """Without a start in between."""
    folder = tmp_path / "kept"
    _put(folder, design)
    _killed(folder, other, LOADING)
    with pytest.raises(RuntimeError), KeptDesign(folder).replaced_by({path.name: path for path in other.iterdir()}):
        raise RuntimeError
    assert _found(folder) == _name(design)


def test_an_interrupted_return_goes_on(
    design: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kept"
    _put(folder, design)
    _killed(folder, other, LOADING)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda path, **_: next(path.iterdir()).unlink())
        with pytest.raises(OSError, match="not empty"):
            KeptDesign(folder).find()
    assert _found(folder) == _name(design)
