"""A whole request on a virtual board behind PYNQ.remote: the bytes of the RTL in process."""

import json
from pathlib import Path

import pytest

from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_hw.build import Request, build
from serving import ServedBoard


def test_recommend(small_movielens: Path, gatewright, tmp_path: Path) -> None:
    pytest.importorskip("pynq")
    design = build("simulation", Request.of(get_board("zybo-z7-10"), get_config("tiny")), tmp_path / "design").folder
    found = {}
    with ServedBoard() as board:
        host = ["--host", f"pynq://{board.host}:{board.port}", "--board", "zybo-z7-10", "--bitstream", design]
        for backend, where in (("board", host), ("rtl", ["--backend", "rtl"])):
            file = tmp_path / f"{backend}.json"
            done = gatewright(
                "recommend", "--user", 15, "--query", "space adventure", "--data", small_movielens,
                "--config", "tiny", *where, "--json", file,
            )  # fmt: skip
            assert done.code == 0, done.err
            found[backend] = json.loads(file.read_text())
        assert board.stop() == 0
    assert found["board"]["backend"] == "board"
    assert found["board"]["golden_equal"] is True
    assert found["board"]["items"] == found["rtl"]["items"]
    assert "may compute anything" not in board.log
