"""A bundle of the small model, for a virtual board."""

from pathlib import Path

import pytest

from gatewright.artefact import Built
from gatewright.bundle.write import write_bundle
from gatewright.spec.boards import BOARDS
from gatewright_hw.build import Request, build


@pytest.fixture(scope="session")
def design(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """For pynq-z2, by the flow that needs no tool."""
    board = BOARDS["pynq-z2"]
    return build("simulation", Request.of(board, board.default_config), tmp_path_factory.mktemp("design") / "built")


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory, small_deployed, design: Built) -> Path:
    """Not to be changed: tests that spoil it copy it."""
    out = tmp_path_factory.mktemp("bundle") / "bundle"
    write_bundle(out, small_deployed.programs, small_deployed.model.save, design)
    return out


@pytest.fixture(scope="session")
def user(small_deployed) -> int:
    return int(small_deployed.model.catalogue.user_ids[0])
