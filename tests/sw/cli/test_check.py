"""`gatewright check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gatewright.cli.console import output


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Two layers with a running sum between them."""
    weight = numpy_helper.from_array(np.eye(16, dtype=np.float32), "w")
    axis = numpy_helper.from_array(np.int64(1), "axis")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], name="first"),
        helper.make_node("CumSum", ["a", "axis"], ["b"], name="running"),
        helper.make_node("MatMul", ["b", "w"], ["y"], name="second"),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 16]) for name in "xy")
    graph = helper.make_graph(nodes, "halves", [x], [y], [weight, axis])
    path = tmp_path / "split.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_check(split: Path, tmp_path: Path, gatewright: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output(), "_width", 160)
    done = gatewright("check", split, "--config", "tiny", "--json", tmp_path / "check.json")
    assert done.code == 0, done.err
    told = json.loads((tmp_path / "check.json").read_text())
    assert (told["name"], told["config"], told["doorbells"]) == ("halves", "tiny", 2)
    (variant,) = told["variants"]
    assert [(node["name"], node["on_fabric"], node["step"]) for node in variant["nodes"]] == [
        ("first", True, 0),
        ("running", False, 1),
        ("second", True, 2),
    ]
    assert f"halves, all sizes: 2 doorbells, {variant['min_cycles']:,} cycles (estimate)" in done.out
    assert "the fabric has no operator CumSum" in done.out
    assert "to one doorbell" in done.out
    assert "cycles are an estimate" in done.out


def test_check_of_buckets(model: Path, gatewright: Any) -> None:
    done = gatewright("check", model, "--config", "tiny", "--bucket", "n=4,8", "--json", "-")
    assert done.code == 0, done.err
    assert [variant["dims"] for variant in json.loads(done.out)["variants"]] == [{"n": 4}, {"n": 8}]
    done = gatewright("check", model, "--config", "tiny", "--capacity", "n=100", "--strict")
    assert done.code == 0, done.err
    assert "1 doorbell," in done.out


def test_a_strict_check_of_a_model_that_is_split(split: Path, gatewright: Any) -> None:
    done = gatewright("check", split, "--config", "tiny", "--strict")
    assert done.code == 3
    assert not done.err.startswith("error: ")


WRONG = {
    "no size": ([], "the size is dynamic (n), allowed is a size in buckets or a largest size in capacity"),
    "no number": (["--bucket", "n=x"], "--bucket is 'n=x', allowed: NAME=SIZE"),
    "two sizes": (["--capacity", "n=1,2"], "--capacity n has 2 sizes, allowed: one"),
    "no config": (["--bucket", "n=4", "--config", "own"], "config"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line(case: str, model: Path, gatewright: Any) -> None:
    arguments, message = WRONG[case]
    done = gatewright("check", model, *arguments)
    assert (done.code, done.out) == (2, "")
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert message in line


def test_a_file_that_is_not_there(tmp_path: Path, gatewright: Any) -> None:
    done = gatewright("check", tmp_path / "none.onnx")
    assert done.code == 2
    assert "none.onnx" in done.err
