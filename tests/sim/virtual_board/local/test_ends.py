"""A command on the board that is told to end in mid-program: the accelerator comes to rest before its memory goes."""

import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from gatewright.artefact import Built
from gatewright.spec.registers import register
from gatewright_sim.rtl.build import build_library
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.fabric_top import fabric_verilog
from gatewright_sim.virtual_board.local import LocalDoor
from gatewright_sim.virtual_board.log import Level
from gatewright_sim.virtual_board.memory import Buffer

WAIT_S = 300
STATUS = register("STATUS")


def _at_work(board: VirtualBoard) -> bool:
    if board.design is None:
        return False
    return bool(STATUS.extract(board.read32(board.board.registers_base + STATUS.offset), "busy"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_memory_goes_once_the_accelerator_rests(
    number: signal.Signals, board_environment, door: LocalDoor, board: VirtualBoard, built: Built, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """What the board sees decides: each buffer that is given back, and whether the accelerator was at work then."""
    told = threading.Event()
    given_back: list[bool] = []
    release = board.memory.release

    def watched(buffer: Buffer) -> None:
        if told.is_set():
            given_back.append(_at_work(board))
        release(buffer)

    monkeypatch.setattr(board.memory, "release", watched)
    python = board_environment("pynq-3.1.2")
    build_library(fabric_verilog(board.board, built.manifest.config))  # which the download would wait for
    options = ["--backend", "board", "--board", built.manifest.board, "--bitstream", str(built.folder)]
    process = subprocess.Popen(
        [str(python), "-W", "ignore", "-m", "gatewright", "selftest", *options],
        env=door.environment(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + WAIT_S
    try:
        while not (len(board.memory.buffers) > 2 and _at_work(board)):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
        told.set()
        process.send_signal(number)
        out, err = process.communicate(timeout=WAIT_S)
    finally:
        process.kill()
    assert (process.returncode, out) == (128 + number, "")
    assert "Traceback" not in err
    assert len(given_back) > 2
    assert not any(given_back)
    assert not _at_work(board)
    assert not board.memory.buffers
    assert not board.log.texts(Level.FATAL)
