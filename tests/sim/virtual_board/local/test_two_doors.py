"""One board, a command on it and a client of its PYNQ.remote server: whoever came first has it, the other is told."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gatewright.artefact import Built
from gatewright.driver import Accelerator
from gatewright.driver.errors import BoardInUse
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.local import LocalDoor
from gatewright_sim.virtual_board.log import Level
from gatewright_sim.virtual_board.pynq_remote.server import PynqRemoteServer

HOLD = """
import sys
from gatewright.driver import Accelerator
with Accelerator("tiny", "board", board=sys.argv[1], bitstream=sys.argv[2]):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def host(board: VirtualBoard) -> Iterator[str]:
    """Where ``board`` is served to PCs."""
    with PynqRemoteServer(board, port=0) as server:
        yield f"pynq://127.0.0.1:{server.port}"


def _open(host: str, built: Built) -> Accelerator:
    return Accelerator("tiny", "board", host=host, bitstream=built.folder, timeout_s=60)


def test_whoever_came_first_has_the_board(
    board_environment, door: LocalDoor, host: str, board: VirtualBoard, built: Built, tmp_path: Path,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    a, b = (rng.integers(-128, 128, (8, 8), dtype=np.int8) for _ in range(2))
    python = [str(board_environment("pynq-3.1.2")), "-W", "ignore"]
    options = ["--backend", "board", "--board", built.manifest.board, "--bitstream", str(built.folder)]
    settings = {"env": door.environment(), "cwd": tmp_path, "text": True}

    with _open(host, built) as remote:
        refused = subprocess.run(
            [*python, "-m", "gatewright", "selftest", *options],
            capture_output=True,
            timeout=120,
            check=False,
            **settings,
        )
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
        assert "the accelerator is in use by process" in refused.stderr
        assert np.array_equal(remote.gemm(a, b), a.astype(np.int32) @ b.T)

    command = [*python, "-c", HOLD, built.manifest.board, str(built.folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, **settings) as local:
        assert local.stdout.readline() == "open\n"
        with pytest.raises(BoardInUse, match=f"in use by process {local.pid} on the board itself: end it first"):
            _open(host, built)
        assert local.communicate(timeout=60) == ("", None)
    assert local.returncode == 0

    with _open(host, built) as remote:
        assert np.array_equal(remote.gemm(a, b), a.astype(np.int32) @ b.T)
    assert not board.log.texts(Level.FATAL)
