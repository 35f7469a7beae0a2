"""The wheel on boards: what it holds, that it touches nothing of the image, and that it computes the same there."""

import json
import os
import subprocess
import zipfile
from email import message_from_bytes
from pathlib import Path

import numpy as np
import pytest

from gatewright.bundle.contents import PROGRAMS
from gatewright.driver import Accelerator
from gatewright.program import save_program
from gatewright.recommender import HybridRecommender

ROOT = Path(__file__).parents[2]
BOARDS = ["pynq-3.0.1", "pynq-3.1.2"]
PYTHONS = [*BOARDS, "python-3.12", "python-3.13"]
HEAVY = ["torch", "amaranth", "cocotb", "onnxruntime", "onnx", "plotly", "pynq", "grpc"]
ON_BOARDS = ["gatewright", "gatewright.artefact", "gatewright.recommender", "gatewright.spec.hwh", "gatewright.cli.app"]

REQUEST = """
import sys, json
from pathlib import Path
from gatewright import Accelerator
from gatewright.recommender import HybridModel, HybridRecommender
folder = Path(sys.argv[1])
with Accelerator("pynq-z2", "golden") as accelerator:
    programs = folder / "history.gwp", folder / "query.gwp"
    recommender = HybridRecommender(accelerator, HybridModel.load(folder / "model.npz"), programs)
    answer = recommender.recommend(user_id=int(sys.argv[2]), query="space adventure", top=3)
print(json.dumps([[item.movie_id for item in answer.items], answer.scores.tobytes().hex()]))
"""


def run(python: Path, *arguments: str, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def metadata(wheel: Path, name: str):
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (entry for entry in archive.namelist() if entry.endswith(f".dist-info/{name}"))
        return message_from_bytes(archive.read(path))


def test_any_python_of_a_board_takes_the_wheel(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    found = metadata(wheel, "METADATA")
    major, minor = map(int, found["Metadata-Version"].split("."))
    assert (major, minor) <= (2, 3)
    assert metadata(wheel, "WHEEL")["Root-Is-Purelib"] == "true"


def test_the_wheel_asks_for_nothing_that_a_board_has(wheel: Path) -> None:
    requirements = metadata(wheel, "METADATA").get_all("Requires-Dist")
    base = [each for each in requirements if "extra ==" not in each]
    board = [each for each in requirements if "extra == 'board'" in each]
    assert base == ["numpy>=1.21"]
    assert board
    assert not [each for each in board if "pynq" in each or "numpy" in each or "pydantic" in each]
    (typer,) = (each for each in board if each.startswith("typer") and "< '3.11'" in each)
    assert "<0.29," in typer  # later ones want pydantic 2: PYNQ 3.0.1, with Python 3.10, has 1


def test_the_wheel_holds_every_data_file(wheel: Path) -> None:
    packages = ("sw/gatewright", "hw/gatewright_hw", "sim/gatewright_sim")
    listed = subprocess.run(["git", "ls-files", *packages], cwd=ROOT, capture_output=True, text=True, timeout=60)
    if listed.returncode:
        pytest.skip("not a git checkout")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert not {path.split("/", 1)[1] for path in listed.stdout.splitlines()} - names


@pytest.mark.parametrize("name", PYTHONS)
def test_nothing_of_the_image_is_replaced(name: str, board_environment, tmp_path: Path) -> None:
    python = board_environment(name)
    listed = json.loads(
        run(python, "-m", "pip", "list", "--format=json", "--path", own(python, tmp_path), cwd=tmp_path)
    )
    assert [each["name"] for each in listed] == ["gatewright"]


def own(python: Path, cwd: Path) -> str:
    return run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=cwd).strip()


@pytest.mark.parametrize("name", PYTHONS)
@pytest.mark.parametrize("module", ON_BOARDS)
def test_an_import_brings_nothing_heavy(name: str, module: str, board_environment, tmp_path: Path) -> None:
    code = f"import sys, {module}; print(gatewright.__file__); print([m for m in {HEAVY} if m in sys.modules])"
    python = board_environment(name)
    file, heavy = run(python, "-c", code, cwd=tmp_path).splitlines()
    assert Path(file).is_relative_to(python.parents[1])
    assert heavy == "[]"


@pytest.mark.parametrize("name", PYTHONS)
def test_golden_vectors(name: str, board_environment, tmp_path: Path) -> None:
    manifest = str(ROOT / "tests" / "golden" / "manifest.json")
    found = run(board_environment(name), "-m", "gatewright_sim.golden.manifest", "--manifest", manifest, cwd=tmp_path)
    assert " 0 different" in found


@pytest.mark.parametrize("name", PYTHONS)
def test_a_request_has_the_same_bytes(name: str, board_environment, small_deployed, tmp_path: Path) -> None:
    python = board_environment(name)
    small_deployed.model.save(tmp_path / "model.npz")
    for file, program in zip(PROGRAMS, small_deployed.programs, strict=True):
        save_program(program, tmp_path / file)
    user = int(small_deployed.model.catalogue.user_ids[0])
    with Accelerator("pynq-z2", "golden") as accelerator:
        recommender = HybridRecommender(accelerator, small_deployed.model, small_deployed.programs)
        expected = recommender.recommend(user, "space adventure", top=3)
    movies, scores = json.loads(run(python, "-c", REQUEST, str(tmp_path), str(user), cwd=tmp_path))
    assert movies == [item.movie_id for item in expected.items]
    np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(scores), np.float32), expected.scores)
