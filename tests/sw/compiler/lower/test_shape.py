"""Operators that move elements: exact but for the operand's rounding; free where a view will do."""

import numpy as np
import pytest

from gatewright.compiler.formats import INT16, Format


def integers(*values):
    return np.array(values, np.int64)


def assert_moved(outcome, x):
    """What came out is the operand's int16, nothing else."""
    assert not outcome.reasons
    form = Format.of(INT16, np.abs(x).max() * 1.5)
    for name, expected in outcome.expected.items():
        assert outcome.found[name].shape == expected.shape
        np.testing.assert_allclose(outcome.found[name], expected, atol=float(form.scale) * 1.01)


RESHAPES = [
    ((2, 3, 4), (4, 6)),
    ((2, 3, 4), (24,)),
    ((2, 12), (2, 3, 4)),
    ((6, 5), (5, 6)),
    ((3, 7, 5), (3, 35)),
    ((30,), (5, 6)),
]


@pytest.mark.parametrize(("before", "after"), RESHAPES)
def test_reshape(apply, before, after, draw):
    x = draw(*before)
    assert_moved(apply("Reshape", x, integers(*after), constant=(1,)), x)


PERMUTATIONS = [
    ((3, 5), (1, 0)),
    ((40, 24), (1, 0)),
    ((2, 3, 4), (2, 1, 0)),
    ((2, 5, 8), (1, 0, 2)),
    ((2, 6, 3, 8), (0, 2, 1, 3)),
    ((2, 6, 3, 8), (0, 2, 3, 1)),
    ((2, 3, 5), (0, 2, 1)),
]


@pytest.mark.parametrize(("shape", "perm"), PERMUTATIONS)
def test_transpose(apply, shape, perm, draw):
    x = draw(*shape)
    assert_moved(apply("Transpose", x, perm=perm), x)


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps"),
    [
        ((0, 1), (2, 4), (0, 1), (1, 1)),
        ((1,), (9,), (1,), (1,)),
        ((0,), (10,), (1,), (3,)),
        ((-1,), (-100,), (0,), (-1,)),
    ],
)
def test_slice(apply, starts, ends, axes, steps, draw):
    x = draw(5, 10)
    assert_moved(
        apply("Slice", x, *(integers(*each) for each in (starts, ends, axes, steps)), constant=(1, 2, 3, 4)), x
    )


@pytest.mark.parametrize(
    ("shapes", "axis"),
    [
        (((2, 3), (4, 3)), 0),
        (((2, 3), (2, 5)), 1),
        (((2, 8), (2, 16), (2, 4)), 1),
        (((2, 3, 4), (2, 1, 4)), 1),
        (((3,), (4,)), 0),
    ],
)
def test_concat(apply, shapes, axis, draw):
    operands = [draw(*shape) for shape in shapes]
    assert_moved(apply("Concat", *operands, axis=axis), np.concatenate([each.ravel() for each in operands]))


@pytest.mark.parametrize(
    ("operator", "operands", "attributes"),
    [
        ("Split", (integers(2, 4),), {"axis": 1, "outputs": 2}),
        ("Expand", (integers(3, 4, 6),), {}),
        ("Tile", (integers(2, 3),), {}),
        ("Flatten", (), {"axis": 0}),
        ("Unsqueeze", (integers(0, 2),), {}),
        ("Squeeze", (integers(),), {}),
        ("Identity", (), {}),
        ("Dropout", (), {}),
    ],
)
def test_others(apply, operator, operands, attributes, draw):
    x = draw(4, 6)
    assert_moved(apply(operator, x, *operands, constant=range(1, len(operands) + 1), **attributes), x)


def test_a_view_costs_no_command(graph, run, draw):
    g = graph()
    x = g.node("Relu", [g.input("x", [6, 32])], [6, 32])
    part = g.node("Slice", [x, *(g.constant(integers(*each)) for each in ((1, 8), (5, 24), (0, 1)))], [4, 16])
    heads = g.node("Reshape", [part, g.constant(integers(2, 2, 16))], [2, 2, 16])
    outcome = run(g.model(g.node("Relu", [heads], [2, 2, 16])), {"x": draw(6, 32)})
    assert [step.count for step in outcome.steps] == [2]
    assert outcome.error < 1e-4


def test_heads_are_copied_not_multiplied(graph, run, draw):
    g = graph()
    x = g.node("Relu", [g.input("x", [6, 32])], [6, 32])
    heads = g.node("Reshape", [x, g.constant(integers(6, 4, 8))], [6, 4, 8])
    turned = g.node("Transpose", [heads], [4, 6, 8], perm=[1, 0, 2])
    outcome = run(g.model(g.node("Relu", [turned], [4, 6, 8])), {"x": draw(6, 32)})
    assert [step.count for step in outcome.steps] == [1 + 4 + 1]
    assert outcome.error < 1e-4


def test_too_large_to_be_moved(apply, draw):
    outcome = apply("Transpose", draw(70, 3, 701), perm=(2, 1, 0))
    (reason,) = outcome.reasons
    assert reason.startswith("it moves 147,210 elements in pieces that do not start at multiples of 8 bytes")


def test_integers_move_too(apply, rng):
    x = rng.integers(-128, 128, (3, 5)).astype(np.int8)
    outcome = apply("Transpose", x, perm=(1, 0))
    assert not outcome.reasons
    np.testing.assert_array_equal(outcome.found["y0"], x.T)
