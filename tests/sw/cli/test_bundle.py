"""`gatewright bundle`: a folder that answers, or one line."""

import json
import shutil
from pathlib import Path

import pytest

from gatewright.bundle import load_bundle
from gatewright.recommender.__main__ import main
from gatewright.spec.boards import get_board
from gatewright_hw.build import Request, build


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Path:
    board = get_board("zybo-z7-10")
    folder = tmp_path_factory.mktemp("design") / "design"
    return build("simulation", Request.of(board, board.default_config), folder).folder


def test_it_answers_as_recommend_does(
    gatewright, small_movielens: Path, design: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "bundle"
    done = gatewright(
        "bundle", "--board", "zybo-z7-10", "--bitstream", design, "--out", out, "--data", small_movielens
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "not yet run on a physical board" in done.out
    assert load_bundle(out).about.board == "zybo-z7-10"
    request = ["--user", "15", "--query", "space adventure"]
    found = gatewright(
        "recommend", *request, "--data", small_movielens, "--config", "zybo-z7-10", "--backend", "golden", "--json", "-"
    )
    assert main([str(out), *request, "--backend", "golden", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == json.loads(found.out)["items"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"--board": "z3"}, "unknown board 'z3'"),
        ({"--board": "pynq-z2"}, "is for board 'zybo-z7-10', this one is 'pynq-z2'"),
        ({"--bitstream": "nowhere"}, "nowhere"),
        ({"--bitstream": None}, "no bitstream"),
        ({"--out": "full"}, "exists and is no bundle"),
        ({"--wheel": "nowhere.whl"}, "--wheel nowhere.whl: no such file"),
        ({"--data": "nowhere"}, "nowhere"),
    ],
    ids=lambda value: " ".join(map(str, next(iter(value.items())))) if isinstance(value, dict) else "",
)
def test_bad_input_is_one_line_and_leaves_nothing(
    changed: dict, sentence: str, gatewright, design: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    options = {"--board": "zybo-z7-10", "--bitstream": design, "--out": "bundle", **changed}
    done = gatewright("bundle", *(part for item in options.items() if item[1] is not None for part in item))
    assert done.code == 2
    error = done.err.splitlines()[-1]
    assert error.startswith("error: ")
    assert sentence in error
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["precious"]


def test_a_damaged_design(gatewright, design: Path, tmp_path: Path) -> None:
    spoilt = Path(shutil.copytree(design, tmp_path / "spoilt"))
    (bit,) = spoilt.glob("*.bit")
    bit.write_bytes(bit.read_bytes()[:-4])
    done = gatewright("bundle", "--board", "zybo-z7-10", "--bitstream", spoilt, "--out", tmp_path / "bundle")
    assert done.code == 2
    assert bit.name in done.err
    assert not (tmp_path / "bundle").exists()
