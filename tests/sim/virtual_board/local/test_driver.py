"""Our driver on the board, by the PYNQ that is there: the same bytes as from the RTL backend."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gatewright.artefact import Built
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.log import Level

SCRIPT = Path(__file__).with_name("driver_facts.py")
SEED = 7


@pytest.fixture(scope="module")
def from_rtl(tmp_path_factory) -> dict[str, Any]:
    """What the RTL backend computes."""
    done = subprocess.run(
        [sys.executable, SCRIPT, str(SEED), "rtl"],
        cwd=tmp_path_factory.mktemp("rtl"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("version", "door"),
    [("3.0.1", {}), ("3.1.2", {}), ("3.0.1", {"uio": False})],
    ids=["3.0.1", "3.1.2", "3.0.1 polling"],
    indirect=["door"],
)
def test_the_driver_computes_the_bytes_of_the_rtl(
    version: str, board_environment, run, board: VirtualBoard, built: Built, from_rtl
) -> None:
    python = board_environment(f"pynq-{version}")
    found = json.loads(run(python, "-W", "ignore", SCRIPT, SEED, built.folder).stdout.splitlines()[-1])
    assert found["results"] == from_rtl["results"]
    assert found["kernels"] == from_rtl["kernels"]
    assert not [failure for _, failure in found["kernels"].values() if failure]
    assert found["clock"] == pytest.approx(built.manifest.clock.set_mhz)
    assert found["cycles"] == pytest.approx(from_rtl["cycles"], rel=0.02)
    assert not board.log.texts(Level.FATAL)
    assert not board.memory.buffers
