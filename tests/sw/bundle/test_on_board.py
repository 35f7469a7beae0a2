"""A bundle on a virtual board, as on a real one: its script, and its notebook."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import gatewright.bundle
from environments import board_python
from gatewright.bundle.write import write_bundle
from gatewright.driver import Accelerator
from gatewright.recommender import HybridRecommender, Recommendation
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_hw.build import Request, build
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.local import LocalDoor
from gatewright_sim.virtual_board.log import Level

BOARD, CONFIG = "zybo-z7-10", "tiny"
QUERY, TOP = "space adventure", 5
TIMEOUT_S = 600
NOTEBOOK = Path(gatewright.bundle.__file__).with_name("board.ipynb")


@pytest.fixture(scope="module")
def deployed(shared_cache: Path, small_trained):
    """The small model for the smallest configuration."""
    from gatewright.models.deploy import deploy_or_load

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWRIGHT_CACHE", str(shared_cache))
        return deploy_or_load(small_trained, get_config(CONFIG))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, deployed) -> Path:
    folder = tmp_path_factory.mktemp("board")
    design = build("simulation", Request.of(get_board(BOARD), get_config(CONFIG)), folder / "design")
    write_bundle(folder / "bundle", deployed.programs, deployed.model.save, design)
    return folder / "bundle"


@pytest.fixture(scope="module")
def user(deployed) -> int:
    return int(deployed.model.catalogue.user_ids[0])


@pytest.fixture(scope="module")
def from_rtl(deployed, user: int) -> Recommendation:
    with Accelerator(CONFIG, "rtl") as accelerator:
        return HybridRecommender(accelerator, deployed.model, deployed.programs).recommend(user, QUERY, TOP)


def on_board(version: str, *command: object, folder: Path) -> str:
    """What a command prints on a board with this PYNQ; nothing on the board is out of order."""
    with VirtualBoard(get_board(BOARD)) as board, LocalDoor(board) as door:
        done = subprocess.run(
            [str(part) for part in command],
            env=_variables(door.environment(), version),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr
        assert not board.log.texts(Level.FATAL)
        assert not board.memory.buffers
    return done.stdout


def _variables(given: Mapping[str, str], version: str) -> dict[str, str]:
    """The environment's Python is ``python3``, and the checkout is not on its path."""
    python = board_python(f"pynq-{version}")
    ours = os.environ.get("PYTHONPATH", "")
    path = given["PYTHONPATH"].removesuffix(ours).strip(os.pathsep)
    programs, _, others = given["PATH"].partition(os.pathsep)
    return {**given, "PYTHONPATH": path, "PATH": os.pathsep.join((programs, str(python.parent), others))}


def test_the_script(bundle: Path, user: int, from_rtl: Recommendation, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    arguments = ["--user", user, "--query", QUERY, "--top", TOP, "--json"]
    found: dict[str, Any] = json.loads(on_board("3.1.2", folder / "run.sh", *arguments, folder=folder))
    assert found["scores"] == from_rtl.scores.tobytes().hex()
    assert [item["movie_id"] for item in found["items"]] == [item.movie_id for item in from_rtl.items]
    assert found["clock_mhz"] == pytest.approx(100.0)


def test_the_notebook(bundle: Path, from_rtl: Recommendation, tmp_path: Path) -> None:
    """Its cells in IPython, as a kernel runs them."""
    folder = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    runner = Path(__file__).with_name("run_notebook.py")
    printed = on_board("3.0.1", "python3", "-W", "ignore", runner, folder / "board.ipynb", folder=folder)
    shown = {cell["id"]: cell for cell in map(json.loads, printed.splitlines())}
    assert "zybo-z7-10, config tiny: 100 MHz" in shown["open"]["text"]
    assert shown["test"]["text"].count("pass") == 4
    for item in from_rtl.items:
        assert item.title in shown["request"]["text"]
    assert "image/svg+xml" in shown["cycles"]["kinds"]
    assert shown.pop("scores")["hex"] == from_rtl.scores.tobytes().hex()
    assert list(shown) == [cell["id"] for cell in cells("code")]


# ---- the notebook as a file


def cells(kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def test_the_notebook_holds_nothing_of_a_run() -> None:
    for cell in cells("code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    metadata = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"
    assert set(metadata) <= {"kernelspec", "language_info"}


def test_the_notebook_names_no_place_of_a_machine() -> None:
    for cell in (*cells("code"), *cells("markdown")):
        found = re.findall(r"""["'`(=\s](/(?!>)[\w.-]+)""", "".join(cell["source"]))
        assert found == [], cell["id"]


def test_bundles_have_the_notebook(bundle: Path) -> None:
    """Jupyter saves into it what it shows: the bundle is not damaged by that."""
    from gatewright.bundle.contents import load_bundle

    assert (bundle / "board.ipynb").read_bytes() == NOTEBOOK.read_bytes()
    (bundle / "board.ipynb").write_text("saved")
    load_bundle(bundle)
    shutil.copy(NOTEBOOK, bundle)
