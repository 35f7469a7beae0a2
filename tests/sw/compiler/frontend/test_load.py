"""Models that are refused, each with a sentence that says why."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gatewright.compiler.errors import CompileError
from gatewright.compiler.load import read_model


def linear(opset=18, weight=None, domain="", op_type="MatMul"):
    weight = np.ones((4, 3), np.float32) if weight is None else weight
    node = helper.make_node(op_type, ["x", "w"], ["y"], name="layer", domain=domain)
    graph = helper.make_graph(
        [node],
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
        [numpy_helper.from_array(weight, "w")],
    )
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


SOURCES = {
    "parsed": lambda proto, path: proto,
    "bytes": lambda proto, path: proto.SerializeToString(),
    "path": lambda proto, path: path,
    "name": lambda proto, path: str(path),
}


@pytest.mark.parametrize("source", SOURCES)
def test_all_sources_give_the_same_model(tmp_path, source):
    proto, path = linear(), tmp_path / "model.onnx"
    onnx.save(proto, path)
    model = read_model(SOURCES[source](proto, path))
    assert [node.op_type for node in model.graph] == ["MatMul"]
    assert model.graph.initializers["w"].const_value.numpy().shape == (4, 3)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_model(cut):
    data = linear(weight=np.ones((4, 3), np.float32)).SerializeToString()
    with pytest.raises(CompileError):
        read_model(data[: int(len(data) * cut)])


def test_what_the_checker_refuses():
    proto = linear()
    proto.graph.node[0].input[0] = "nowhere"
    with pytest.raises(CompileError, match=r"no valid ONNX model: .*nowhere"):
        read_model(proto)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinite")])
def test_weights_that_are_not_finite(value, word):
    weight = np.ones((4, 3), np.float32)
    weight[2, 1] = value
    with pytest.raises(CompileError, match=f"initializer w, read by node layer, holds {word}"):
        read_model(linear(weight=weight))


def test_the_infinities_of_a_mask_are_allowed(text_model):
    mask = np.where(np.tri(4, dtype=bool), 0, -np.inf).astype(np.float32)
    model = text_model("float[4,4] x", "float[4,4] y", "y = Add(x, mask)", mask=mask)
    assert np.isinf(read_model(model).graph.initializers["mask"].const_value.numpy()).any()


def test_an_operator_that_nobody_has():
    with pytest.raises(
        CompileError, match=r"node layer is a acme\.Magic, which neither gatewright nor onnxruntime has"
    ):
        read_model(linear(domain="acme", op_type="Magic"))


def test_names_are_given_and_made_unique(text_model):
    proto = text_model("float[2] x", "float[2] z", "y = Relu(x) z = Neg(y)")
    proto.graph.node[0].name = proto.graph.node[1].name = "twice"
    assert len({node.name for node in read_model(proto).graph}) == 2
    proto.graph.node[0].name = proto.graph.node[1].name = ""
    names = [node.name for node in read_model(proto).graph]
    assert all(names)
    assert len(set(names)) == 2


def test_dynamic_dimensions_without_a_name_get_one(text_model):
    model = read_model(text_model("float[?,4] x", "float[?,4] y", "y = Relu(x)"))
    assert str(model.graph.inputs[0].shape) == "[x_0,4]"


def test_an_input_without_rank_is_refused(text_model):
    proto = text_model("float[2] x", "float[2] y", "y = Relu(x)")
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(CompileError, match=r"x|shape"):
        read_model(proto)
