"""The command line in process, and a small MovieLens folder cut from the real one."""

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewright.__main__ import main
from gatewright.models.data import load_movielens
from gatewright.program import save_program


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def gatewright(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run the `gatewright` command with these arguments."""

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["gatewright", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        captured = capsys.readouterr()
        return Finished(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def small_movielens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ratings.csv` and `movies.csv` of the first 24 real users."""
    folder = tmp_path_factory.mktemp("movielens")
    data = load_movielens().subset(24)
    with (folder / "ratings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["userId", "movieId", "rating", "timestamp"])
        for user, item, rating, time in zip(data.users, data.items, data.ratings, data.timestamps, strict=True):
            writer.writerow([data.user_ids[user], data.movie_ids[item], float(rating), int(time)])
    with (folder / "movies.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["movieId", "title", "genres"])
        writer.writerows(zip(data.movie_ids, data.titles, data.genres, strict=True))
    return folder


@pytest.fixture
def saved(programs: Any, tmp_path: Path) -> Callable[..., Path]:
    """Writes one of the small programs."""

    def save(name: str = "linear", **arguments: Any) -> Path:
        save_program(getattr(programs, name)(**arguments), tmp_path / f"{name}.gwp")
        return tmp_path / f"{name}.gwp"

    return save


@pytest.fixture
def x() -> np.ndarray:
    """What the program `linear` reads: float32 [4, 24]."""
    return (np.arange(96) * 37 % 201 - 100).reshape(4, 24).astype(np.float32)


@pytest.fixture
def inputs(x: np.ndarray, tmp_path: Path) -> Path:
    np.savez(tmp_path / "x.npz", x=x)
    return tmp_path / "x.npz"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """relu(x W) [n, 4] -> [n, 3], n dynamic."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.arange(12, dtype=np.float32).reshape(4, 3) / 12
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], name="mm"), helper.make_node("Relu", ["h"], ["y"], name="r")]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in (("x", 4), ("y", 3)))
    graph = helper.make_graph(nodes, "small", [x], [y], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


@pytest.fixture
def big_model(model: Path) -> Path:
    """The same with its weights in `weights.bin`."""
    import onnx

    path = model.with_name("big.onnx")
    onnx.save(onnx.load(model), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path
