"""What depends on constants alone is computed when the model is compiled, whichever pass makes it: no node of it is
left, hence no host step and no second doorbell."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper


def tensor(array):
    return numpy_helper.from_array(np.asarray(array, np.float32))


def draw(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


CONSTANTS = {
    "a Constant": lambda g, a: g.node("Constant", [], [6, 8], value=tensor(a)),
    "a ConstantOfShape": lambda g, a: g.node("ConstantOfShape", [g.constant([6, 8])], [6, 8], value=tensor([3])),
    "an Identity": lambda g, a: g.node("Identity", [g.constant(a)], [6, 8]),
    "a Cast": lambda g, a: g.node("Cast", [g.constant(np.rint(9 * a).astype(np.int64))], [6, 8], to=1),
    "an Expand": lambda g, a: g.node("Expand", [g.constant(a[:1]), g.constant([6, 8])], [6, 8]),
    "a Transpose": lambda g, a: g.node("Transpose", [g.constant(a.T.copy())], [6, 8]),
    "a product": lambda g, a: g.node("MatMul", [g.constant(a[:, :4]), g.constant(a[:4])], [6, 8]),
    "a function": lambda g, a: g.node("Relu", [g.node("Constant", [], [6, 8], value=tensor(a))], [6, 8]),
    "a norm": lambda g, a: g.node("LayerNormalization", [g.constant(a), g.constant(a[0]), g.constant(a[1])], [6, 8]),
    "ours": lambda g, a: g.node("Gelu", [g.constant(a)], [6, 8], ours=True, approximate="none"),
    "ours of a weight": lambda g, a: g.node(
        "Linear", [g.constant(a), g.constant(a[:1].repeat(8, 0))], [6, 8], ours=True, overload="no_bias"
    ),
    "dequantised": lambda g, a: g.node(
        "DequantizeLinear", [g.constant(np.rint(30 * a).astype(np.int8)), g.constant(np.float32(0.1))], [6, 8]
    ),
}


@pytest.mark.parametrize("kind", CONSTANTS)
def test_a_constant_is_an_operand(graph, rng, run, kind):
    g = graph()
    model = g.model(g.node("Add", [g.input("x", [6, 8]), CONSTANTS[kind](g, draw(rng, 6, 8))], [6, 8]))
    outcome = run(model, {"x": draw(rng, 6, 8)})
    assert not outcome.reasons
    assert sum(step.count for step in outcome.steps) == 1
    assert outcome.error < 1e-4


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("kind", CONSTANTS)
def test_a_constant_is_an_output(graph, rng, run, kind, read):
    g = graph()
    x, constant = g.input("x", [6, 8]), CONSTANTS[kind](g, draw(rng, 6, 8))
    y = g.node("Add", [x, constant], [6, 8]) if read else g.node("Relu", [x], [6, 8])
    outcome = run(g.model(y, constant), {"x": draw(rng, 6, 8)})
    assert not outcome.reasons
    assert len(outcome.steps) == 1
    assert outcome.error < 1e-4


@pytest.mark.parametrize("options", [{}, {"alpha": 2.0}, {"transA": 1}, {"transB": 1}])
@pytest.mark.parametrize("beta", [1.0, 0.5, -2.0])
@pytest.mark.parametrize("shape", [(), (1,), (8,), (1, 8), (5, 1), (5, 8)])
def test_what_a_gemm_adds(graph, rng, run, shape, beta, options):
    g = graph()
    x = draw(rng, 16, 5) if "transA" in options else draw(rng, 5, 16)
    weight = draw(rng, 8, 16) if "transB" in options else draw(rng, 16, 8)
    operands = [g.input("x", x.shape), g.constant(weight), g.constant(draw(rng, *shape))]
    outcome = run(g.model(g.node("Gemm", operands, [5, 8], beta=beta, **options)), {"x": x})
    assert not outcome.reasons
    assert len(outcome.steps) == 1
    assert outcome.error < 0.03


def test_a_constant_of_a_branch_stays_there(graph, rng, run):
    """onnxruntime has no code for Constant, but takes it."""
    g = graph()
    branches = [
        onnx.helper.make_graph(
            [onnx.helper.make_node("Constant", [], ["then"], value=tensor(value))],
            "branch",
            [],
            [onnx.helper.make_tensor_value_info("then", onnx.TensorProto.FLOAT, [8])],
        )
        for value in draw(rng, 2, 8)
    ]
    chosen = g.node("If", [g.input("which", [], bool)], [8], then_branch=branches[0], else_branch=branches[1])
    model = g.model(g.node("Add", [g.input("x", [6, 8]), chosen], [6, 8]))
    outcome = run(model, {"x": draw(rng, 6, 8), "which": np.asarray(True)})
    assert outcome.reasons == ["the fabric has no operator If"]
    assert outcome.error < 1e-3
