"""Sizes that mean "unknown" are dynamic, with a name by which a bucket is given."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from gatewright import Accelerator
from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import CompileError
from gatewright.compiler.load import read_model


def relu(shape, result=None) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["h"], name="relu"), helper.make_node("Neg", ["h"], ["y"], name="neg")],
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape if result is None else result)],
        value_info=[helper.make_tensor_value_info("h", TensorProto.FLOAT, shape)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ([-1, 4], "[x_0,4]"),
        ([-1, -1, 4], "[x_0,x_1,4]"),
        ([0, 4], "[x_0,4]"),
        ([0, 0, 4], "[x_0,x_1,4]"),
        ([2, 0, 4], "[2,0,4]"),
        ([-7, 4], "[x_0,4]"),
        (["?", 4], "[x_0,4]"),
        (["-1", 4], "[x_0,4]"),
        (["None", 4], "[x_0,4]"),
        (["batch", 4], "[batch,4]"),
        ([3, 4], "[3,4]"),
    ],
    ids=str,
)
def test_unknown_sizes_get_a_name(shape, found):
    assert str(read_model(relu(shape)).graph.inputs[0].shape) == found


@pytest.mark.parametrize("unknown", [-1, 0])
def test_a_program_for_a_size_that_was_unknown(unknown, rng):
    x = rng.standard_normal((3, 8)).astype(np.float32)
    program = compile_model(relu([unknown, 8]), config="tiny", calibration={"x": x}, buckets={"x_0": [4]})
    (variant,) = program.variants
    assert variant.dims == {"x_0": 4}
    assert variant.inputs[0].shape == variant.outputs[0].shape == ("x_0", 8)
    with Accelerator("tiny", "golden") as accelerator, accelerator.load(program) as loaded:
        assert np.abs(loaded(x=x)["y"] + np.maximum(x, 0)).max() < 1e-3


@pytest.mark.parametrize("name", ["batch-size", "batch size", "N+1", "2*N", "0batch", "Größe", "unk__0", "a.b"])
def test_any_text_is_a_name_where_it_is_given_a_bucket(name):
    program = compile_model(relu([name, 8]), config="tiny", buckets={name: [2]})
    assert program.variants[0].outputs[0].shape == (name, 8)


@pytest.mark.parametrize("result", [[7, 8], [3], [2, 3, 4], [-1, 8]], ids=str)
def test_a_declared_shape_that_is_wrong_is_inferred(result):
    assert compile_model(relu([2, 8], result), config="tiny").variants[0].outputs[0].shape == (2, 8)


def test_inputs_that_are_no_tensors():
    model = relu([2, 8])
    model.graph.input.append(helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [2]))
    with pytest.raises(CompileError, match="input s is a SequenceType, allowed are tensors"):
        read_model(model)


@pytest.mark.parametrize("kind", ["input", "output"])
def test_tensors_of_strings(kind):
    model = relu([2, 8])
    model.graph.input.append(helper.make_tensor_value_info("s", TensorProto.STRING if kind == "input" else 1, [2]))
    model.graph.node.append(helper.make_node("Cast", ["s"], ["t"], to=1 if kind == "input" else TensorProto.STRING))
    model.graph.output.append(helper.make_tensor_value_info("t", 1 if kind == "input" else TensorProto.STRING, [2]))
    with pytest.raises(CompileError, match=f"{kind} [st] is of strings, allowed are numbers and truth values"):
        read_model(model)


def test_outputs_that_are_no_tensors():
    model = relu([2, 8])
    model.graph.node.append(helper.make_node("SequenceConstruct", [model.graph.input[0].name], ["s"]))
    model.graph.output.append(helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [2, 8]))
    with pytest.raises(CompileError, match="output s is a SequenceType, allowed are tensors"):
        read_model(model)
