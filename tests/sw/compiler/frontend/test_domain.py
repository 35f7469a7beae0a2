"""The bodies of the operators mean what the operators mean, for every operator set."""

import math

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from gatewright.compiler.errors import CompileError
from gatewright.compiler.operators import DOMAIN, OPERATORS, csr_function, function

OPSETS = (13, 15, 16, 17, 18, 20, 23, onnx.defs.onnx_opset_version())


def call(op_type, opset, *operands, overload="", **attributes):
    """One node of the domain, executed by onnxruntime through its body."""
    names = [f"x{index}" for index in range(len(operands))]
    node = helper.make_node(op_type, names, ["y"], name="node", domain=DOMAIN, **attributes)
    node.overload = overload
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(each.dtype), each.shape)
        for name, each in zip(names, operands, strict=True)
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [f"d{axis}" for axis in range(operands[-1].ndim)])
    output.type.tensor_type.ClearField("shape")
    graph = helper.make_graph([node], "test", inputs, [output])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    body = function(op_type, opset, overload)
    model = helper.make_model(graph, opset_imports=opsets, functions=[body], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, operands, strict=True)))[0]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def soft(scores):
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


@pytest.mark.parametrize("opset", OPSETS)
def test_linear(opset, draw):
    x, weight, bias = draw(2, 5, 8), draw(3, 8), draw(3)
    close(call("Linear", opset, x, weight, bias), x @ weight.T + bias)
    close(call("Linear", opset, x, weight, overload="no_bias"), x @ weight.T)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("opset", OPSETS)
def test_attention(opset, causal, masked, draw):
    heads, depth, queries, keys = 2, 4, 3, 5
    q, k, v = draw(2, queries, heads * depth), draw(2, keys, heads * depth), draw(2, keys, heads * depth)
    mask = np.arange(keys) < np.array([[4], [3]])
    operands, overload = ([q, k, v, mask], "masked") if masked else ([q, k, v], "")
    found = call("Attention", opset, *operands, overload=overload, heads=heads, causal=causal, scale=0.3)
    visible = np.ones((2, 1, queries, keys), bool)
    if causal:
        visible &= np.tri(queries, keys, keys - queries, dtype=bool)
    if masked:
        visible &= mask[:, None, None, :]
    q, k, v = [each.reshape(2, -1, heads, depth).transpose(0, 2, 1, 3) for each in (q, k, v)]
    weights = soft(np.where(visible, 0.3 * q @ k.transpose(0, 1, 3, 2), -np.inf))
    close(found, (weights @ v).transpose(0, 2, 1, 3).reshape(2, queries, heads * depth))


@pytest.mark.parametrize("opset", OPSETS)
def test_norms(opset, draw):
    x, gain, bias = draw(4, 6), draw(6), draw(6)
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred**2).mean(-1, keepdims=True)
    close(call("LayerNorm", opset, x, gain, bias, epsilon=0.1), centred / np.sqrt(variance + 0.1) * gain + bias)
    square = (x**2).mean(-1, keepdims=True)
    close(call("RmsNorm", opset, x, gain, epsilon=0.1), x / np.sqrt(square + 0.1) * gain)
    length = np.sqrt((x**2).sum(-1, keepdims=True))
    close(call("L2Norm", opset, x, epsilon=1e-12), x / length)
    assert not call("L2Norm", opset, np.zeros((2, 4), np.float32), epsilon=1e-12).any()


@pytest.mark.parametrize("opset", OPSETS)
def test_gelu(opset):
    x = np.linspace(-5, 5, 101, dtype=np.float32)
    erf = np.array([math.erf(each / math.sqrt(2)) for each in x])
    close(call("Gelu", opset, x, approximate="none"), x * (1 + erf) / 2)
    tanh = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    close(call("Gelu", opset, x, overload="tanh", approximate="tanh"), x * (1 + tanh) / 2)


@pytest.mark.parametrize("kind", [np.int64, np.bool_, np.float32])
@pytest.mark.parametrize("opset", OPSETS)
def test_mean_pool(opset, kind, draw):
    x, kept = draw(3, 5, 4), np.arange(5) < np.array([[5], [2], [0]])
    expected = np.stack([x[0].mean(0), x[1, :2].mean(0), np.zeros(4)])
    close(call("MeanPool", opset, x, kept.astype(kind)), expected)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize(("rows", "edges"), [(1, 0), (1, 5), (6, 0), (40, 300), (500, 20_000)])
def test_csr_matmul(opset, rows, edges, draw, rng):
    """Rows without edges at the front, between and at the end; an edge twice."""
    counts = np.bincount(rng.integers(0, rows, edges), minlength=rows)
    if rows > 20:
        counts[[0, 7, 8, rows - 1]] = 0
    row_ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    col, weight, x = rng.integers(0, 9, row_ptr[-1]), draw(row_ptr[-1]), draw(9, 16)
    expected = np.zeros((rows, 16))
    np.add.at(expected, np.repeat(np.arange(rows), counts), weight[:, None].astype(np.float64) * x[col])
    found = call("CsrMatMul", opset, row_ptr, col, weight, x)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


def test_csr_function_is_the_body_of_the_operator():
    assert csr_function(18).name == "CsrMatMul"
    assert csr_function(18).opset_import[0].version == 18


@pytest.mark.parametrize("op_type", OPERATORS)
def test_an_operator_set_that_is_too_old(op_type):
    with pytest.raises(CompileError, match=f"{op_type} .*for operator set 12: allowed are .* from operator set 13 on"):
        function(op_type, 12)


def test_an_operator_that_is_not_there():
    with pytest.raises(CompileError, match=r"gatewright\.Nothing .*allowed are Attention, CsrMatMul"):
        function("Nothing", 18)
