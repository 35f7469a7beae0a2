"""Which files beside a model hold its weights, and models that name none."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gatewright.compiler.external_files import external_files


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two weights, each in a file of its own."""
    weights = [numpy_helper.from_array(np.ones((4, 4), np.float32), name) for name in "ab"]
    nodes = [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4]) for name in "xy")
    proto = helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights))
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, all_tensors_to_one_file=False, size_threshold=0)
    return tmp_path / "m.onnx"


def test_each_file_once(model: Path) -> None:
    assert external_files(model) == [model.parent / "a", model.parent / "b"]


def test_none(tmp_path: Path, model: Path) -> None:
    onnx.save(onnx.load(model), tmp_path / "inside.onnx")
    assert external_files(tmp_path / "inside.onnx") == []


@pytest.mark.parametrize("name", ["m.onnx", "m.json", "m.textproto"])
@pytest.mark.parametrize("content", [None, b"", b"\xff{{no model"])
def test_no_model(name: str, content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert external_files(tmp_path / name) == []


@pytest.mark.parametrize(("byte", "files"), [(b"\xff", ["\udcff", "b"]), (b"\0", ["b"])])
def test_names_that_are_no_text(byte: bytes, files: list[str], model: Path) -> None:
    data = model.read_bytes()
    location = b"location\x12\x01"  # key, tag and length of the value
    model.write_bytes(data.replace(location + b"a", location + byte))
    assert external_files(model) == sorted(model.parent / name for name in files)
