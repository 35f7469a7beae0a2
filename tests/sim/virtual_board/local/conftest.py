"""A virtual Zybo Z7-10, processes on it, and a design for it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from gatewright.artefact import Built, load_built
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_hw.build import Request, build
from gatewright_sim.rtl.build import build_library
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.fabric_top import fabric_verilog
from gatewright_sim.virtual_board.local import LocalDoor

BOARD = "zybo-z7-10"
TIMEOUT_S = 300

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="session")
def built_for(shared_folder: Path) -> Callable[[str], Built]:
    """A simulation bitstream of the smallest configuration for a board."""

    def make(name: str) -> Built:
        folder = shared_folder / f"built-{name}"
        with FileLock(f"{folder}.lock", timeout=TIMEOUT_S):
            if not folder.exists():
                board, config = get_board(name), get_config("tiny")
                build_library(fabric_verilog(board, config))  # what a download would wait for
                build("simulation", Request.of(board, config), folder)
        return load_built(folder)

    return make


@pytest.fixture(scope="session")
def built(built_for: Callable[[str], Built]) -> Built:
    """A simulation bitstream for ``board``."""
    return built_for(BOARD)


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard(get_board(BOARD)) as virtual:
        yield virtual


@pytest.fixture
def door(request: pytest.FixtureRequest, board: VirtualBoard) -> Iterator[LocalDoor]:
    """Processes on ``board``, as root and with XRT unless the test's parameters (indirect) say otherwise."""
    with LocalDoor(board, **getattr(request, "param", {})) as opened:
        yield opened


@pytest.fixture
def run(door: LocalDoor, tmp_path: Path) -> Run:
    """Runs a command in ``door``, from a folder of its own, and gives what it said."""

    def run(*command: object, check: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [str(part) for part in command],
            env=door.environment(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run
