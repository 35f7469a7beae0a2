"""Softmax along any axis, and of scores that a mask has put far below the others."""

import numpy as np
import pytest

BOUND = 4e-4
"""Scores off by half a step of int16 and half of a binary place of 10, in opposite directions at p = 1/2."""


def absolute(outcome):
    (found,), (expected,) = outcome.found.values(), outcome.expected.values()
    return float(np.abs(found - expected).max())


@pytest.mark.parametrize(("shape", "axis"), [((4, 50), -1), ((2, 3, 7), 1), ((3, 40), 0), ((9,), 0), ((4, 256), 1)])
def test_softmax(apply, shape, axis, draw):
    outcome = apply("Softmax", 3 * draw(*shape), axis=axis)
    assert not outcome.reasons
    assert absolute(outcome) < BOUND


@pytest.mark.parametrize("far", [-30.0, -1e4, -1e9, float(np.finfo(np.float32).min), -np.inf])
@pytest.mark.parametrize("constant", [True, False])
def test_masked_scores(graph, run, far, constant, draw):
    """Scores plus a mask: what is visible keeps its precision, what is not has no weight."""
    hidden = np.triu(np.ones((6, 6), bool), 1)
    mask = np.where(hidden, far, 0).astype(np.float32)
    g = graph()
    scores, feed = g.input("scores", [3, 6, 6]), {"scores": 3 * draw(3, 6, 6)}
    if constant:
        term = g.constant(mask)
    else:  # computed from an input, as models with padding masks do
        feed["kept"] = np.where(hidden, 0, 1).astype(np.float32)
        visible = g.node("Sub", [g.constant(np.float32(1)), g.input("kept", [6, 6])], [6, 6])
        term = g.node("Mul", [visible, g.constant(np.float32(max(far, -3e38)))], [6, 6])
    total = g.node("Add", [scores, term], [3, 6, 6])
    outcome = run(g.model(g.node("Softmax", [total], [3, 6, 6])), feed)
    assert not outcome.reasons
    assert absolute(outcome) < 1e-3
    assert np.abs(next(iter(outcome.found.values()))[:, hidden]).max() < 1e-4


def test_too_long_a_row(apply, draw):
    assert apply("Softmax", draw(2, 5000)).reasons == ["a row has 5000 columns, allowed at most 512"]


def test_too_large_a_score(apply):
    outcome = apply("Softmax", np.array([[9000, 8999, 1]], np.float32))
    assert outcome.reasons == ["it takes the softmax of numbers up to 9,000, allowed up to 5,678"]
    assert absolute(outcome) == 0
