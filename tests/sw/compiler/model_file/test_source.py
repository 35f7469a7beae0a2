"""What people hand to the compiler: each thing that is no model is refused by what it is."""

import os
from pathlib import Path

import onnx
import pytest

from gatewright.compiler.errors import CompileError
from gatewright.compiler.load import read_model
from gatewright.compiler.model_file import source

NO_MODELS = {
    "empty": (b"", "it is empty"),
    "text": (b"not a model", "not a protobuf, or truncated"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 90\n", "a Git LFS pointer.*git lfs pull"),
    "checkpoint": (b"PK\x03\x04" + bytes(40), "a zip archive.*torch.onnx.export"),
    "keras": (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
    "json": (b'{"irVersion": "8"}', "JSON text.*format='json'"),
    "onnxtxt": (b'<ir_version: 8, opset_import: ["" : 18]>', "text.*format='onnxtxt'"),
    "textproto": (b"ir_version: 8\ngraph {\n}", "text.*format='textproto'"),
    "ort": (b"\x1c\0\0\0ORTM" + bytes(40), "ONNX Runtime's own format"),
    "zeros": (bytes(100), "not a protobuf, or truncated"),
    "another message": (onnx.TensorProto(dims=[1], name="w").SerializeToString(), "it has no graph|not a protobuf"),
    "no outputs": (onnx.ModelProto(graph=onnx.GraphProto(name="g")).SerializeToString(), "no graph with outputs"),
}


@pytest.mark.parametrize("name", NO_MODELS)
def test_what_is_no_model(name, tmp_path):
    content, message = NO_MODELS[name]
    (tmp_path / "bad.onnx").write_bytes(content)
    with pytest.raises(CompileError, match=f"bad.onnx is no ONNX model: .*{message}"):
        read_model(tmp_path / "bad.onnx")
    with pytest.raises(CompileError, match=f"the model is no ONNX model: .*{message}"):
        read_model(content)


PATHS = {
    "none.onnx": "none.onnx: no such file, allowed is an ONNX file",
    ".": "is a folder, allowed is an ONNX file",
    "link.onnx": "no such file, it links to gone.onnx, which is missing",
    "loop.onnx": r"loop\.onnx: no such file|loop\.onnx cannot be read",
    "nul\0.onnx": "cannot be read|no such file",
    "pipe.onnx": "no such file",
}


@pytest.mark.parametrize("name", PATHS)
def test_paths_without_a_file(name: str, tmp_path: Path):
    (tmp_path / "link.onnx").symlink_to("gone.onnx")
    (tmp_path / "loop.onnx").symlink_to("loop.onnx")
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(CompileError, match=PATHS[name]):
        read_model(tmp_path / name)


def test_a_file_larger_than_a_message(tmp_path, layer, monkeypatch):
    path = tmp_path / "model.onnx"
    onnx.save(layer(), path)
    monkeypatch.setattr(source, "MOST_BYTES", 100)
    with pytest.raises(CompileError, match=r"model.onnx has [0-9]+ bytes, allowed at most 100"):
        read_model(path)


def test_an_ir_version_that_is_too_new(layer):
    model = layer()
    model.ir_version = 99
    with pytest.raises(CompileError, match=f"IR version 99, allowed are versions up to {onnx.IR_VERSION}; upgrade"):
        read_model(model)


def test_a_parsed_model_stays_as_it_is(layer):
    model = layer(opset=11)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    before = model.SerializeToString()
    read_model(model)
    assert model.SerializeToString() == before


def test_what_belongs_to_training_is_left_out(layer):
    model = layer()
    step = model.training_info.add()
    step.algorithm.name = "training"
    step.algorithm.node.add(op_type="Nonsense", name="bad")
    assert [node.op_type for node in read_model(model).graph] == ["MatMul"]


def test_a_graph_without_a_name(layer):
    model = layer()
    model.graph.ClearField("name")
    assert len(read_model(model).graph) == 1


@pytest.mark.parametrize("kind", ["input", "output"])
def test_a_name_that_stands_twice(kind, layer):
    model = layer()
    values = getattr(model.graph, kind)
    values.add().CopyFrom(values[0])
    with pytest.raises(CompileError, match=f"has two {kind}s '{values[0].name}', allowed are different names"):
        read_model(model)


@pytest.mark.parametrize("kind", ["input", "output"])
@pytest.mark.parametrize("data_type", [0, 99])
def test_an_element_type_that_is_none(data_type, kind, layer):
    model = layer()
    value = getattr(model.graph, kind)[0]
    value.type.tensor_type.elem_type = data_type
    with pytest.raises(CompileError, match=f"{kind} {value.name} has type {data_type}, which ONNX does not define"):
        read_model(model)


def test_two_initializers_of_one_name(layer):
    model = layer()
    model.graph.initializer.add().CopyFrom(model.graph.initializer[0])
    with pytest.raises(CompileError, match=r"initializer.* w|w.* initializer"):
        read_model(model)


def test_notes_may_be_anything(layer):
    data = layer()
    data.doc_string = data.graph.doc_string = data.graph.node[0].doc_string = "~latin~"
    data.graph.node[0].metadata_props.add(key="by", value="~latin~")
    found = read_model(data.SerializeToString().replace(b"~", b"\xe4"))
    assert [node.name for node in found.graph] == ["layer"]


@pytest.mark.parametrize("name", ["layer", "w", "MatMul", "x"])
def test_names_must_be_text(name, layer):
    data = layer().SerializeToString().replace(name.encode(), b"\xe4" * len(name))
    with pytest.raises(CompileError, match=r"the name .* is no UTF-8 text"):
        read_model(data)
