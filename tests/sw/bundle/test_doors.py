"""A whole request on every door of the virtual board, from a bundle: the bytes of the RTL backend."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from environments import board_python
from gatewright.agent.connect import open_session
from gatewright.bundle.contents import BITSTREAM
from gatewright.bundle.write import write_bundle
from gatewright.driver import Accelerator
from gatewright.recommender import HybridRecommender
from gatewright.spec.boards import get_board
from gatewright_hw.build import Request, build

pytestmark = pytest.mark.slow

BOARD = "zybo-z7-10"
CONFIG = get_board(BOARD).default_config
QUERY = "space adventure"
VERSIONS = ["3.0.1", "3.1.2"]
WAIT_S = 600

Start = Callable[..., subprocess.Popen]


@pytest.fixture(scope="module")
def deployed(shared_cache: Path, small_trained):
    """The small model, compiled for the board's configuration."""
    from gatewright.models.deploy import deploy_or_load

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWRIGHT_CACHE", str(shared_cache))
        return deploy_or_load(small_trained, CONFIG)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, deployed) -> Path:
    folder = tmp_path_factory.mktemp("doors")
    design = build("simulation", Request.of(get_board(BOARD), CONFIG), folder / "design")
    write_bundle(folder / "bundle", deployed.programs, deployed.model.save, design)
    return folder / "bundle"


@pytest.fixture(scope="module")
def user(deployed) -> int:
    return int(deployed.model.catalogue.user_ids[0])


@pytest.fixture(scope="module")
def from_rtl(deployed, user: int) -> np.ndarray:
    with Accelerator(CONFIG, "rtl") as accelerator:
        recommender = HybridRecommender(accelerator, deployed.model, deployed.programs)
        return recommender.recommend(user, QUERY, 3).scores


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `gatewright board ...`; it ends with the test."""
    running: list[subprocess.Popen] = []

    def begin(*arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-m", "gatewright", "board", *map(str, arguments)]
        environment = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait(WAIT_S)
        process.stdout.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_bundle_on_the_board(version: str, start: Start, bundle: Path, user: int, from_rtl, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    (tmp_path / "request").write_text(
        f"PATH={board_python(f'pynq-{version}').parent}:$PATH exec {folder}/run.sh --user {user} --query '{QUERY}' "
        "--top 3 --json"
    )
    process = start("local", "--board", BOARD, "--bitstreams", folder / BITSTREAM, "--", "sh", tmp_path / "request")
    found = json.loads(process.communicate(timeout=WAIT_S)[0].splitlines()[-1])
    assert process.returncode == 0
    assert found["clock_mhz"] == pytest.approx(100.0)
    np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(found["scores"]), np.float32), from_rtl)


@pytest.mark.parametrize("version", VERSIONS)
def test_by_the_agent(version: str, board_environment, start: Start, bundle: Path, deployed, user, from_rtl) -> None:
    agent = [board_environment(f"pynq-{version}"), "-m", "gatewright", "board", "agent", "--port", 0]
    design = ["--board", BOARD, "--bitstream", bundle / BITSTREAM]
    process = start("local", "--board", BOARD, "--bitstreams", bundle / BITSTREAM, "--", *agent, *design)
    host = re.match(r"agent on (\S+),", process.stdout.readline())[1]
    _ask(host, None, deployed, user, from_rtl)


@pytest.mark.parametrize("version", ["3.1.2", "4.0.0"])
def test_by_pynq_remote(
    version: str, board_environment, start: Start, bundle: Path, user: int, from_rtl, tmp_path: Path
) -> None:
    process = start("serve", "--board", BOARD, "--bitstreams", bundle / BITSTREAM, "--port", 0)
    port = re.search(r":(\d+)", process.stdout.readline())[1]
    python = sys.executable if version == "4.0.0" else board_environment(f"pynq-{version}")
    request = [bundle, "--user", user, "--query", QUERY, "--top", 3, "--host", f"pynq://127.0.0.1:{port}", "--json"]
    done = subprocess.run(
        [python, "-m", "gatewright.recommender", *map(str, request)],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(found["scores"]), np.float32), from_rtl)


def _ask(host: str, bitstream: Path | None, deployed, user: int, wanted: np.ndarray) -> None:
    with open_session(CONFIG, "board", host, board=BOARD, bitstream=bitstream, timeout_s=WAIT_S) as session:
        answer = HybridRecommender(session, deployed.model, deployed.programs).recommend(user, QUERY, 3)
    np.testing.assert_array_equal(answer.scores, wanted)
    assert answer.seconds.accelerator > 0
