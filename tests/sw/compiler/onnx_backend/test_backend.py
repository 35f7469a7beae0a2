"""ONNX's backend interface, and a part of ONNX's own node tests; all of them run with ``make onnx-conformance``."""

import numpy as np
import onnx
import pytest
from onnx import helper

from gatewright.compiler.errors import CompileError
from gatewright.compiler.onnx_backend import backend
from gatewright.compiler.onnx_backend.backend import GatewrightBackend
from gatewright.compiler.onnx_backend.conformance import EXACT, allowed, cases, claimed, main, run_case


def clip():
    values = [
        helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", [3, 8]), ("low", []), ("high", []))
    ]
    graph = helper.make_graph(
        [helper.make_node("Clip", ["x", "low", "high"], ["y"], name="clip")],
        "test",
        values,
        [helper.make_tensor_value_info("y", 1, [3, 8])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def operands(rng):
    return rng.normal(size=(3, 8)).astype(np.float32), np.float32(-0.5), np.float32(0.7)


@pytest.mark.parametrize("named", [False, True])
def test_run_model(rng, named):
    x, low, high = operands(rng)
    inputs = {"high": high, "x": x, "low": low} if named else [x, low, high]
    (y,) = GatewrightBackend.run_model(clip(), inputs, config="tiny")
    np.testing.assert_allclose(y, np.clip(x, low, high), atol=2e-4)


def test_what_became_constant_stays(rng):
    x, low, high = operands(rng)
    rep = backend.prepare(clip(), config="tiny", all_on_fabric=True)
    rep.run([x, low, high])
    rep.run([-x, low, high])
    with pytest.raises(CompileError, match="input 'high' was made a constant at the first run"):
        rep.run([x, low, np.float32(1)])


def test_run_node(rng):
    x = rng.normal(size=(4, 9)).astype(np.float32)
    node = helper.make_node("Softmax", ["x"], ["y"], axis=1)
    (y,) = backend.run_node(node, [x], config="tiny")
    np.testing.assert_allclose(y, np.exp(x) / np.exp(x).sum(1, keepdims=True), atol=2e-4)
    (y,) = backend.run_node(node, [x], outputs_info=[(np.float32, (4, 9))], opset_version=13, config="tiny")
    assert y.dtype == np.float32


def test_refusals():
    assert backend.supports_device("CPU")
    assert not backend.supports_device("CUDA")
    with pytest.raises(CompileError, match="device is 'CUDA', allowed: CPU"):
        backend.prepare(clip(), "CUDA")
    with pytest.raises(CompileError, match="the model takes 3 inputs, 1 were given"):
        backend.run_model(clip(), [np.zeros((3, 8), np.float32)])
    with pytest.raises(CompileError, match="input 'high' is missing"):
        backend.run_model(clip(), {"x": np.zeros((3, 8), np.float32), "low": np.float32(0)})
    node = helper.make_node("CumSum", ["x", "axis"], ["y"], name="running")
    with pytest.raises(CompileError, match="node running would run on the host: the fabric has no operator CumSum"):
        backend.run_node(node, [np.ones((2, 3), np.float32), np.int64(1)], all_on_fabric=True)


# ---- conformance

SLOW = ("attention", "expanded")


@pytest.fixture(scope="module")
def outcomes():
    return [run_case(path) for path in cases() if not any(part in path.name for part in SLOW)]


def test_no_node_test_fails(outcomes):
    assert [each for each in outcomes if each.result == "failed"] == []
    assert sum(each.result == "passed" for each in outcomes) >= 230
    assert all(each.reason for each in outcomes if each.result == "skipped")


@pytest.mark.parametrize("operator", sorted(EXACT))
def test_integer_operators_are_exact(outcomes, operator):
    named = [each for each in outcomes if each.name.startswith(f"test_{operator.lower()}")]
    passed = [each for each in named if each.result == "passed"]
    assert passed
    assert all(each.share == 0 for each in passed)


def test_the_bound_is_no_free_pass(outcomes, rng):
    """Errors are of the size that the formats explain, not far below; and a wrong result is found out."""
    shares = [each.share for each in outcomes if each.result == "passed" and each.share > 0]
    assert 0.05 < np.median(shares) < 0.7
    path = next(path for path in cases() if path.name == "test_tanh")
    model = onnx.load(path / "model.onnx")
    x = rng.normal(size=(3, 4, 5)).astype(np.float32)
    (limit,) = allowed(model, {"x": x}, [np.tanh(x)])
    assert limit.max() < 1e-3


def test_every_claimed_operator_is_an_operator():
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    assert claimed() <= known


def test_report(capsys):
    assert main(["test_matmulinteger", "test_cumsum_1d", "test_dequantizelinear_blocked"]) == 0
    text = capsys.readouterr().out
    assert "passed  test_matmulinteger" in text
    assert "skipped: operator not claimed" in text
    assert "skipped: on the host: it has scales for blocks" in text
    assert text.splitlines()[-1].startswith("1 passed, 0 failed,")


ON_RTL = [
    "test_relu",
    "test_softmax_axis_2",
    "test_matmul_2d",
    "test_matmulinteger",
    "test_transpose_all_permutations_0",
]


@pytest.mark.parametrize("name", ON_RTL)
def test_a_sample_on_the_hardware(name):
    path = next(path for path in cases() if path.name == name)
    outcome = run_case(path, config="tiny", executor="rtl")
    assert outcome.result == "passed", outcome.reason


@pytest.mark.slow
def test_all_on_the_hardware():
    assert main(["--config", "tiny", "--executor", "rtl"]) == 0
