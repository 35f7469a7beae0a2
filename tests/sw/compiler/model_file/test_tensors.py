"""Tensors whose dims or type do not fit their data are refused by name, wherever in the model they are."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gatewright.compiler.errors import CompileError
from gatewright.compiler.load import read_model


def _typed(tensor: TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.float_data[:] = [7] * 12


def _both(tensor: TensorProto) -> None:
    tensor.float_data[:] = [7] * 12


def _foreign(tensor: TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.int64_data[:] = [7] * 12


def _short(tensor: TensorProto) -> None:
    _typed(tensor)
    tensor.float_data.pop()


def _segment(tensor: TensorProto) -> None:
    tensor.segment.begin, tensor.segment.end = 0, 4


CHANGES = {
    "dims": (lambda t: t.dims.__setitem__(0, 5), r"has dims \[5, 3\] of type float, which are 60 bytes, but holds 48"),
    "rank": (lambda t: t.dims.append(2), r"has dims \[4, 3, 2\] of type float, which are 96 bytes, but holds 48"),
    "huge": (lambda t: t.dims.append(1 << 60), r"which are [0-9,]+ bytes, but holds 48"),
    "negative": (lambda t: t.dims.__setitem__(0, -4), r"has dims \[-4, 3\], allowed are 0 and more"),
    "no elements": (lambda t: t.dims.__setitem__(0, 0), r"has dims \[0, 3\] of type float, which are 0 bytes"),
    "type": (lambda t: setattr(t, "data_type", TensorProto.DOUBLE), "of type double, which are 96 bytes, but holds 48"),
    "int4": (lambda t: setattr(t, "data_type", TensorProto.INT4), "of type int4, which are 6 bytes, but holds 48"),
    "strings": (lambda t: setattr(t, "data_type", TensorProto.STRING), "of type string, but its data are in raw_data"),
    "no type": (lambda t: setattr(t, "data_type", 0), "has type 0, which ONNX does not define"),
    "bad type": (lambda t: setattr(t, "data_type", 99), "has type 99, which ONNX does not define"),
    "data": (lambda t: setattr(t, "raw_data", t.raw_data[:-1]), "which are 48 bytes, but holds 47"),
    "nothing": (lambda t: t.ClearField("raw_data"), "which are 48 bytes, but holds 0"),
    "short": (_short, "which are 12 numbers, but holds 11"),
    "both": (_both, "its data are in float_data and raw_data"),
    "foreign": (_foreign, "of type float, but its data are in int64_data"),
    "segment": (_segment, "is cut into segments"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_initializers(name, layer):
    change, message = CHANGES[name]
    model = layer()
    change(model.graph.initializer[0])
    with pytest.raises(CompileError, match=f"the model: initializer w {message}|initializer w .*{message}"):
        read_model(model)


@pytest.mark.parametrize("name", CHANGES)
def test_constants_of_nodes(name, layer):
    change, message = CHANGES[name]
    model = layer()
    node = helper.make_node("Constant", [], ["w"], name="weight", value=model.graph.initializer[0])
    change(node.attribute[0].t)
    del model.graph.initializer[:]
    model.graph.node.insert(0, node)
    with pytest.raises(CompileError, match=f"attribute value of node weight .*{message}"):
        read_model(model)


def test_inside_a_branch(text_branch):
    model = text_branch
    inner = model.graph.node[0].attribute[0].g
    inner.initializer[0].dims[0] = 3
    with pytest.raises(CompileError, match=r"initializer inner has dims \[3\] of type float"):
        read_model(model)


@pytest.fixture
def text_branch() -> onnx.ModelProto:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18]> g (float[2] x, bool c) => (float[2] y) {
        y = If(c) <then_branch = t () => (float[2] a) { a = Add(x, inner) },
                   else_branch = e () => (float[2] b) { b = Neg(x) }> }"""
    )
    branch = next(each for each in model.graph.node[0].attribute if each.name == "then_branch")
    branch.g.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), "inner"))
    model.graph.node[0].attribute.sort(key=lambda each: each.name != "then_branch")
    return model


@pytest.mark.parametrize("field", [False, True])
@pytest.mark.parametrize(
    "kind", ["FLOAT", "FLOAT16", "BFLOAT16", "INT8", "UINT16", "INT64", "UINT64", "DOUBLE", "BOOL", "INT4", "UINT4"]
)
def test_every_type_is_taken_in_both_spellings(kind, field, layer):
    model = layer()
    number = getattr(TensorProto, kind)
    model.graph.initializer.append(helper.make_tensor("extra", number, [3], [1, 0, 1], raw=False))
    tensor = model.graph.initializer[1]
    if not field:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), "extra"))
        assert tensor.raw_data
    model.graph.node.append(helper.make_node("Identity", ["extra"], ["z"], name="more"))
    model.graph.output.append(helper.make_tensor_value_info("z", number, [3]))
    assert read_model(model).graph.initializers["extra"].const_value.numpy().astype(np.float32).tolist() == [1, 0, 1]


def test_a_sparse_initializer(layer):
    model = layer()
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "places")
    del model.graph.initializer[:]
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4, 3]))
    with pytest.raises(CompileError, match="initializer w is sparse, allowed are dense ones"):
        read_model(model)
