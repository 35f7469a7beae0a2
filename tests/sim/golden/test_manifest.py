"""Golden vectors: the committed manifest holds, and a change is found."""

import json
from pathlib import Path

import numpy as np
import pytest

from gatewright_sim.golden.manifest import CASES, main

MANIFEST = Path(__file__).parents[2] / "golden" / "manifest.json"


def test_the_manifest_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--manifest", str(MANIFEST), "--out", str(tmp_path)]) == 0
    assert f"{len(CASES)} equal, 0 different" in capsys.readouterr().out
    with np.load(tmp_path / "gemm_edges.npz") as vectors:
        assert vectors["output"].shape == (13, 27)


def test_a_difference_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hashes = json.loads(MANIFEST.read_text())
    hashes["gemm_edges"]["output"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(hashes))
    assert main(["--manifest", str(tmp_path / "manifest.json")]) == 1
    assert "gemm_edges: differs" in capsys.readouterr().out


def test_update_writes_what_holds(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    assert main(["--manifest", str(file), "--update"]) == 0
    assert file.read_text() == MANIFEST.read_text()


def test_a_missing_manifest_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--manifest", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
