"""Products of two activations."""

import numpy as np
import pytest

from gatewright import Accelerator
from gatewright.compiler.compile import compile_model


def allowed(a, b):
    """Of a sum of k products whose operands are each off by up to half a step of int8: three standard deviations."""
    k = a.shape[-1]
    step_a, step_b = (np.abs(each).max() / 127 for each in (a, b))
    return 3 * np.sqrt(k / 12) * np.hypot(step_a * b.std(), step_b * a.std()) + 1e-3


SHAPES = [
    ((3, 4), (4, 5)),
    ((40, 96), (96, 33)),
    ((2, 3, 8), (2, 8, 5)),
    ((2, 3, 8), (8, 5)),
    ((3, 8), (2, 8, 5)),
    ((2, 1, 3, 4), (3, 4, 5)),
    ((8,), (8, 5)),
    ((2, 3, 8), (8,)),
    ((8,), (8,)),
    ((5, 1100), (1100, 6)),  # longer than a command of config tiny
]


@pytest.mark.parametrize("constant", [(), (0,)])
@pytest.mark.parametrize("shapes", SHAPES)
def test_matmul(apply, shapes, constant, draw):
    a, b = (draw(*shape) for shape in shapes)
    outcome = apply("MatMul", a, b, constant=constant)
    assert not outcome.reasons
    assert outcome.found["y0"].shape == outcome.expected["y0"].shape
    error = np.sqrt(np.square(outcome.found["y0"] - outcome.expected["y0"]).mean())
    assert error < allowed(a, b)


@pytest.mark.parametrize("heads", [(1, 0, 2), (1, 2, 0)])
def test_a_transposed_operand_is_read_as_it_lies(graph, run, heads, draw):
    """Keys of 4 heads, transposed with one Transpose or with two: no copies, and no product that transposes."""
    g = graph()
    q, k = g.input("q", [4, 6, 8]), g.node("Relu", [g.input("k", [10, 4, 8])], [10, 4, 8])
    if heads == (1, 2, 0):
        turned = g.node("Transpose", [k], [4, 8, 10], perm=heads)
    else:
        turned = g.node("Transpose", [g.node("Transpose", [k], [4, 10, 8], perm=heads)], [4, 8, 10], perm=(0, 2, 1))
    model = g.model(g.node("MatMul", [q, turned], [4, 6, 10]))
    outcome = run(model, {"q": draw(4, 6, 8), "k": draw(10, 4, 8)})
    assert outcome.error < 0.02
    assert outcome.steps[0].count == 1 + 4  # Relu, and a product for each head


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"transA": 1},
        {"transB": 1},
        {"alpha": 0.5, "beta": -0.25},
        {"transA": 1, "transB": 1, "alpha": -2.0},
    ],
)
@pytest.mark.parametrize("rest", [(), (10,), (6, 1)], ids=str)
def test_gemm_of_activations(apply, attributes, rest, draw):
    a, b = draw(6, 24), draw(24, 10)
    a = a.T.copy() if attributes.get("transA") else a
    b = b.T.copy() if attributes.get("transB") else b
    outcome = apply("Gemm", a, b, *([draw(*rest)] if rest else []), **attributes)
    assert not outcome.reasons
    assert outcome.error < 0.02


def test_reasons(graph, run, draw):
    g = graph()
    model = g.model(g.node("MatMul", [g.input("a", [4, "n"]), g.input("b", ["n", 4])], [4, 4]))
    outcome = run(model, {"a": draw(4, 5), "b": draw(5, 4)}, capacity={"n": 5})
    assert outcome.reasons == ["a has dynamic sizes that are not its first dimension"]


@pytest.mark.parametrize("columns", [5, 7, 16])
def test_products_of_products_hold_for_inputs_that_calibration_has_not_seen(graph, rng, columns):
    """The largest factors make the largest products: one that saturates spoils the sum."""
    g = graph()
    x = g.input("x", [4, columns])
    gram = g.node("MatMul", [x, g.node("Transpose", [x], [columns, 4], perm=(1, 0))], [4, 4])
    model = g.model(g.node("MatMul", [gram, gram], [4, 4]))
    inputs = rng.normal(size=(24, 4, columns)).astype(np.float32)
    program = compile_model(model, config="tiny", calibration=[{"x": each} for each in inputs[:16]])
    with Accelerator("tiny", "golden") as accelerator, accelerator.load(program) as loaded:
        found = np.stack([next(iter(loaded(x=each).values())) for each in inputs[16:]])
    expected = np.stack([np.linalg.matrix_power(each @ each.T, 2) for each in inputs[16:]])
    assert np.linalg.norm(found - expected) < 0.05 * np.linalg.norm(expected)
