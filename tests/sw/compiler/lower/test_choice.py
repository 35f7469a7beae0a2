"""Comparisons of real numbers, and what is chosen by them."""

import numpy as np
import pytest

OPERATORS = {"Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Less": np.less, "LessOrEqual": np.less_equal}


@pytest.mark.parametrize("shapes", [((3, 16), (3, 16)), ((3, 16), (16,)), ((2, 1, 16), (5, 1)), ((8,), (8,))], ids=str)
@pytest.mark.parametrize("operator", OPERATORS)
def test_comparisons(operator, shapes, apply, rng):
    """Numbers a step apart at least, and equal ones."""
    a, b = ((rng.integers(-20, 21, shape) / 4).astype(np.float32) for shape in shapes)
    outcome = apply(operator, a, b)
    assert not outcome.reasons
    (found,), (expected,) = outcome.found.values(), outcome.expected.values()
    assert found.dtype == bool
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("threshold", [0.0, -1.5, 0.37])
@pytest.mark.parametrize("operator", OPERATORS)
def test_with_a_constant(operator, threshold, apply, draw):
    x = draw(4, 24)
    x[0, :3] = threshold
    outcome = apply(operator, x, np.float32(threshold), constant=(1,))
    assert not outcome.reasons
    (found,) = outcome.found.values()
    near = (np.abs(x - threshold) < 1e-3) & (x != np.float32(threshold))
    assert ((found == OPERATORS[operator](x, np.float32(threshold))) | near).all()


def test_a_function_in_pieces_is_one_step(graph, run, draw):
    """ELU as people write it: one branch above 0, another below."""
    g = graph()
    x = g.node("MatMul", [g.input("x", [4, 16]), g.constant(draw(16, 24))], [4, 24])
    above = g.node("Greater", [x, g.constant(np.float32(0))], [4, 24], dtype=bool)
    below = g.node("Sub", [g.node("Exp", [x], [4, 24]), g.constant(np.float32(1))], [4, 24])
    chosen = g.node("Where", [above, x, below], [4, 24])
    model = g.model(g.node("MatMul", [chosen, g.constant(draw(24, 8))], [4, 8]))
    outcome = run(model, {"x": draw(4, 16) / 4})
    assert not outcome.reasons
    assert len(outcome.steps) == 1
    assert outcome.error < 0.03


def test_what_is_read_by_others_than_where_is_not_made(graph, run, draw):
    g = graph()
    x = g.input("x", [4, 16])
    above = g.node("Greater", [x, g.constant(np.float32(0))], [4, 16], dtype=bool)
    model = g.model(g.node("Cast", [above], [4, 16], to=1))
    (reason, *_) = run(model, {"x": draw(4, 16)}).reasons
    assert "(Cast) reads it, allowed: Where, and outputs of the model" in reason


def test_infinity_is_not_compared_with(graph, run, draw):
    g = graph()
    x = g.input("x", [4, 16])
    below = g.node("Less", [x, g.constant(np.float32(np.inf))], [4, 16], dtype=bool)
    model = g.model(g.node("Where", [below, x, g.constant(np.float32(0))], [4, 16]))
    reasons = run(model, {"x": draw(4, 16)}).reasons
    assert any("holds infinity, which the fabric does not have" in reason for reason in reasons)
