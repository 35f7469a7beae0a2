"""Old operator sets are converted, with the results that ONNX Runtime finds for the model as it was."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import parser

from gatewright.compiler.errors import CompileError
from gatewright.compiler.load import read_model
from gatewright.compiler.model_file.opset import MAX_OPSET

OLD = {
    "softmax of all behind an axis": (7, "y = Softmax<axis = 1>(x)"),
    "softmax in the middle": (12, "y = Softmax<axis = 1>(x)"),
    "sum": (11, "s = ReduceSum<axes = [1], keepdims = 1>(x) y = Sub(x, s)"),
    "squeeze": (
        9,
        "m = ReduceMean<axes = [1]>(x) q = Squeeze<axes = [1]>(m) u = Unsqueeze<axes = [1]>(q) y = Mul(x, u)",
    ),
    "dropout": (7, "d = Dropout<ratio = 0.5>(x) y = Relu(d)"),
    "clip": (8, "y = Clip<max = 0.5, min = -0.5>(x)"),
    "slice": (9, "s = Slice<axes = [1], starts = [0], ends = [1]>(x) y = Sub(x, s)"),
}


def model(opset: int, body: str) -> onnx.ModelProto:
    header = f'<ir_version: 6, opset_import: ["": {opset}]>'
    return parser.parse_model(f"{header} test (float[2,3,4] x) => (float[2,3,4] y) {{ {body} }}")


def execute(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize("name", OLD)
def test_old_operator_sets(name, rng):
    proto = model(*OLD[name])
    found = read_model(proto)
    assert found.opset_imports[""] >= 13
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(execute(ir.to_proto(found), x), execute(proto, x), atol=1e-6)


def test_a_program_of_an_old_operator_set(run, rng):
    outcome = run(model(9, "y = Softmax<axis = 2>(x)"), {"x": rng.standard_normal((2, 3, 4)).astype(np.float32)})
    assert outcome.error < 0.01


@pytest.mark.parametrize(
    ("opset", "body", "message"),
    [
        (4, 'h = Cast<to = "FLOAT">(x) y = Relu(h)', "No Adapter From Version"),
        (6, "y = Upsample<height_scale = 1.0, width_scale = 1.0>(x)", "Upsample"),
    ],
    ids=["cast", "upsample"],
)
def test_what_the_converter_refuses_has_a_hint(opset, body, message):
    hint = rf"operator set {opset}, allowed are 13 to .*converter.*{message}.*export the model with opset_version=13"
    with pytest.raises(CompileError, match=hint):
        read_model(model(opset, body))


def test_an_old_operator_that_does_not_exist():
    with pytest.raises(CompileError, match="No Op registered for Experimental"):
        read_model(model(9, "h = Experimental(x) y = Relu(h)"))


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ([], f"imports none of the standard operator sets.* 13 to {MAX_OPSET}"),
        ([("", 18), ("ai.onnx", 20)], "imports 18 and 20 of the standard operator sets"),
        ([("", MAX_OPSET + 1)], f"has operator set {MAX_OPSET + 1}, allowed are 13 to {MAX_OPSET}.*; upgrade onnx"),
        ([("", 0)], "has operator set 0, allowed are 13 to"),
        ([("", -3)], "has operator set -3, allowed are 13 to"),
        ([("", 1 << 40)], "has operator set 1099511627776, allowed are 13 to"),
    ],
)
def test_operator_sets_that_nobody_has(versions, message):
    proto = model(18, "y = Relu(x)")
    del proto.opset_import[:]
    proto.opset_import.extend(onnx.helper.make_opsetid(*each) for each in versions)
    with pytest.raises(CompileError, match=message):
        read_model(proto)


def test_both_names_of_the_standard_domain():
    proto = model(18, "y = Relu(x)")
    proto.opset_import.append(onnx.helper.make_opsetid("ai.onnx", 18))
    assert read_model(proto).opset_imports[""] == 18
