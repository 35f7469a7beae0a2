"""Weights beside the model: as exporters write them, as a download cache links them, and as no loader should."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import CompileError
from gatewright.compiler.load import read_model
from gatewright.compiler.model_file import external_data


@pytest.fixture
def saved(layer, tmp_path: Path):
    """A model with its weights in ``weights.bin``; changes to their description by key, None to leave one out."""

    def save(**changes: str | None) -> Path:
        path = tmp_path / "model.onnx"
        onnx.save(layer(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
        model = onnx.load(path, load_external_data=False)
        (tensor,) = model.graph.initializer
        entries = {entry.key: entry.value for entry in tensor.external_data} | changes
        del tensor.external_data[:]
        for key, value in entries.items():
            if value is not None:
                tensor.external_data.add(key=key, value=value)
        path.write_bytes(model.SerializeToString())
        return path

    return save


def weights(path: Path) -> list[float]:
    return np.unique(read_model(path).graph.initializers["w"].const_value.numpy()).tolist()


@pytest.mark.parametrize("changes", [{}, {"length": None}, {"offset": None}, {"length": None, "offset": None}])
def test_weights_are_read(changes, saved):
    assert weights(saved(**changes)) == [7]


def test_weights_in_a_folder_below(saved, tmp_path):
    path = saved(location="deep/er/weights.bin")
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "weights.bin").rename(tmp_path / "deep/er/weights.bin")
    assert weights(path) == [7]


def test_a_download_cache_of_symbolic_links(saved, tmp_path):
    """models--org--name/snapshots/revision/onnx/model.onnx -> ../../../blobs/hash, and so its data."""
    blobs, snapshot = tmp_path / "hub/blobs", tmp_path / "hub/snapshots/1f/onnx"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    saved().rename(blobs / "aaaa")
    (tmp_path / "weights.bin").rename(blobs / "bbbb")
    (snapshot / "model.onnx").symlink_to("../../../blobs/aaaa")
    (snapshot / "weights.bin").symlink_to("../../../blobs/bbbb")
    assert weights(snapshot / "model.onnx") == [7]
    program = compile_model(snapshot / "model.onnx", config="tiny")
    assert program.variants[0].outputs[0].name == "y"


def test_a_link_to_a_model_with_its_weights_beside_it(saved, tmp_path):
    saved()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link.onnx").symlink_to("../model.onnx")
    (elsewhere / "twice.onnx").symlink_to("link.onnx")
    assert weights(elsewhere / "link.onnx") == [7]
    assert weights(elsewhere / "twice.onnx") == [7]


def test_the_weights_beside_the_link_come_first(saved, tmp_path):
    saved()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link.onnx").symlink_to("../model.onnx")
    (elsewhere / "weights.bin").write_bytes(np.full(12, 5, np.float32).tobytes())
    assert weights(elsewhere / "link.onnx") == [5]


BAD = {
    "absolute": ({"location": "/etc/passwd"}, "lies in '/etc/passwd', allowed is a path beneath"),
    "above": ({"location": "../weights.bin"}, "lies in '../weights.bin', allowed is a path beneath"),
    "hidden": ({"location": "a/../../weights.bin"}, "allowed is a path beneath the model's folder"),
    "nowhere": ({"location": None}, "lies in '', allowed is a path beneath"),
    "empty": ({"location": ""}, "lies in '', allowed is a path beneath"),
    "nul": ({"location": "a\0b"}, "allowed is a path beneath"),
    "folder": ({"location": "."}, "is missing, expected in"),
    "another": ({"location": "other.bin"}, r"tensor w is missing, expected in .*other\.bin"),
    "short": ({"length": "44"}, r"has 44 bytes, but dims \[4, 3\] need 48"),
    "long": ({"length": "52"}, r"has 52 bytes, but dims \[4, 3\] need 48"),
    "behind": ({"offset": "4"}, "is cut off, .*weights.bin has 48 of at least 52 bytes"),
    "far": ({"offset": "99999999999999999999"}, "is cut off"),
    "negative": ({"offset": "-4"}, "has offset '-4', allowed is a number of bytes"),
    "word": ({"length": "all"}, "has length 'all', allowed is a number of bytes"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name, saved):
    changes, message = BAD[name]
    with pytest.raises(CompileError, match=rf"model\.onnx: the external data of tensor w .*{message}|{message}"):
        read_model(saved(**changes))


def test_a_file_that_is_cut_off(saved, tmp_path):
    path = saved()
    (tmp_path / "weights.bin").write_bytes(b"1234")
    with pytest.raises(CompileError, match=r"external data of tensor w is cut off, .* has 4 of at least 48 bytes"):
        read_model(path)


def test_a_link_to_nothing(saved, tmp_path):
    path = saved()
    (tmp_path / "weights.bin").unlink()
    (tmp_path / "weights.bin").symlink_to("../blobs/bbbb")
    with pytest.raises(CompileError, match=r"external data of tensor w is missing, expected in .*weights\.bin"):
        read_model(path)


def test_more_weights_than_a_model_holds_are_refused_before_they_are_read(saved, monkeypatch):
    path = saved()
    monkeypatch.setattr(external_data, "MOST_BYTES", 40)
    with pytest.raises(CompileError, match=r"has 48 bytes of weights or more, allowed 40"):
        read_model(path)


@pytest.mark.parametrize("parsed", [False, True])
def test_bytes_have_no_folder(parsed, saved):
    path = saved()
    source = onnx.load(path, load_external_data=False) if parsed else path.read_bytes()
    with pytest.raises(CompileError, match=r"tensor w lies in the external file 'weights\.bin': allowed with a path"):
        read_model(source)


def test_a_constant_of_a_node(saved, tmp_path):
    path = saved()
    model = onnx.load(path, load_external_data=False)
    (tensor,) = model.graph.initializer
    node = onnx.helper.make_node("Constant", [], ["w"], name="constant")
    attribute = node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
    attribute.t.CopyFrom(tensor)
    del model.graph.initializer[:]
    model.graph.node.insert(0, node)
    path.write_bytes(model.SerializeToString())
    assert weights(path) == [7]
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(CompileError, match="is missing, expected in"):
        read_model(path)
