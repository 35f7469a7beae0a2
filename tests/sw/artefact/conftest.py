"""A built design to spoil."""

from pathlib import Path

import pytest

from gatewright.artefact import Built
from gatewright.spec.boards import BOARDS
from gatewright_hw.build import Request, build


@pytest.fixture
def built(tmp_path: Path) -> Built:
    """For zybo-z7-10, by the flow that needs no tool."""
    board = BOARDS["zybo-z7-10"]
    return build("simulation", Request.of(board, board.default_config), tmp_path / "built")
