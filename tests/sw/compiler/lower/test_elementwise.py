"""Sums, products, quotients, extremes and choices of values that broadcast."""

import numpy as np
import pytest

STEPS = 1.5 / (127 * 256)


SHAPES = [
    ((3, 20), (3, 20)),
    ((2, 3, 20), (20,)),
    ((20,), (2, 3, 20)),
    ((3, 1), (1, 20)),
    ((2, 1, 20), (3, 1)),
    ((2, 3, 1), (2, 1, 7)),
    ((1,), (4, 9)),
    ((4, 300), (4, 300)),  # wider than a command of config tiny
]


@pytest.mark.parametrize("constant", [(), (0,), (1,)])
@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul"])
def test_two_values(apply, operator, shapes, constant, draw):
    outcome = apply(operator, *(draw(*shape) for shape in shapes), constant=constant)
    assert not outcome.reasons
    assert outcome.worst < 5 * STEPS


@pytest.mark.parametrize("constant", [(), (1,)])
@pytest.mark.parametrize("shapes", SHAPES)
def test_quotients(apply, shapes, constant, draw, rng):
    a, b = draw(*shapes[0]), rng.uniform(0.5, 3, shapes[1]).astype(np.float32)
    outcome = apply("Div", a, b * np.float32(-1), constant=constant)
    assert not outcome.reasons
    assert outcome.worst < 12 * STEPS


@pytest.mark.parametrize("operator", ["Max", "Min", "Sum", "Mean"])
@pytest.mark.parametrize("shapes", [*SHAPES[:4], ((3, 20), (1, 20), (3, 1))])
def test_several_values(apply, operator, shapes, draw):
    operands = [draw(*shape) for shape in shapes]
    outcome = apply(operator, *operands)
    assert not outcome.reasons
    (found,), (expected,) = outcome.found.values(), outcome.expected.values()
    assert np.abs(found - expected).max() < 8 * STEPS * max(np.abs(each).max() for each in operands)


@pytest.mark.parametrize("constant", [(0,), (0, 2), ()])
def test_choice(apply, constant, draw, rng):
    outcome = apply("Where", rng.random((4, 12)) > 0.5, draw(4, 12), draw(12), constant=constant)
    assert not outcome.reasons
    assert outcome.worst < 4 * STEPS


def test_a_constant_per_column_costs_one_command(apply, draw):
    outcome = apply("Add", draw(5, 32), draw(32), constant=(1,))
    assert [step.count for step in outcome.steps] == [1]


def test_ranges_that_differ_much(apply, draw):
    outcome = apply("Add", draw(3, 8) * 1000, draw(3, 8))
    assert outcome.worst < 4 * STEPS


def test_reasons(apply, draw):
    whole = np.ones((2, 3), np.int32)
    assert apply("Add", whole, whole).reasons == ["x0 is INT32, allowed: real numbers"]
    assert apply("Div", draw(2, 3), np.array([1, 0, 1], np.float32), constant=(1,)).reasons == [
        "the divisor x1 holds a zero"
    ]
