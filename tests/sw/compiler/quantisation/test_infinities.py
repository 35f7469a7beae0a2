"""Infinity and NaN, which the fabric does not have: what makes them, and what asks for them, runs on the host."""

import numpy as np
import pytest

from gatewright.compiler.errors import CompileError

NODES = 24


def degrees(rng):
    """A graph's matrix of ones with isolated nodes."""
    adjacency = (rng.random((NODES, NODES)) < 0.15).astype(np.float32)
    adjacency[:, ::5] = adjacency[::5] = 0
    return adjacency


def inverse_root(g, degree, how):
    """``degree ** -0.5`` as people write it."""
    shape = [NODES, 1]
    if how == "Pow":
        return g.node("Pow", [degree, g.constant(np.float32(-0.5))], shape)
    root = g.node("Sqrt", [degree], shape)
    if how == "Reciprocal":
        return g.node("Reciprocal", [root], shape)
    if how == "Div":
        return g.node("Div", [g.constant(np.float32(1)), root], shape)
    half = g.node("Mul", [g.node("Log", [degree], shape), g.constant(np.float32(-0.5))], shape)
    return g.node("Exp", [half], shape)


def guarded(g, value, how):
    """0 where the value is infinite."""
    shape, zero = [NODES, 1], g.constant(np.float32(0))
    if how == "IsInf":
        test = g.node("IsInf", [value], shape, dtype=bool)
    elif how == "Equal":
        test = g.node("Equal", [value, g.constant(np.float32(np.inf))], shape, dtype=bool)
    elif how == "not finite":
        both = [g.node(each, [value], shape, dtype=bool) for each in ("IsInf", "IsNaN")]
        test = g.node("Or", both, shape, dtype=bool)
    else:
        less = g.node("Less", [value, g.constant(np.float32(np.inf))], shape, dtype=bool)
        test = g.node("Not", [less], shape, dtype=bool)
    return g.node("Where", [test, zero, value], shape)


def normalised(graph, power, test, summed="ReduceSum"):
    g = graph()
    a, x = g.input("a", [NODES, NODES]), g.input("x", [NODES, 16])
    if summed == "ReduceSum":
        degree = g.node("ReduceSum", [a, g.constant(np.array([1]))], [NODES, 1])
    else:
        degree = g.node("MatMul", [a, g.constant(np.ones((NODES, 1), np.float32))], [NODES, 1])
    factor = guarded(g, inverse_root(g, degree, power), test)
    mixed = g.node("MatMul", [a, g.node("Mul", [x, factor], [NODES, 16])], [NODES, 16])
    return g.model(g.node("Mul", [mixed, factor], [NODES, 16]))


@pytest.mark.parametrize("calibrated", [True, False], ids=["calibrated", "not calibrated"])
@pytest.mark.parametrize("summed", ["ReduceSum", "MatMul"])
@pytest.mark.parametrize("test", ["IsInf", "Equal", "not less", "not finite"])
@pytest.mark.parametrize("power", ["Pow", "Reciprocal", "Div", "Exp of Log"])
def test_isolated_nodes_of_a_normalised_graph_give_zero(graph, run, rng, power, test, summed, calibrated):
    """Also where no calibration input has any."""
    loops = 0 if calibrated else np.eye(NODES, dtype=np.float32)
    feed, *known = (
        {"a": np.maximum(degrees(rng), loops * bool(turn)), "x": rng.normal(size=(NODES, 16)).astype(np.float32)}
        for turn in range(17)
    )
    outcome = run(normalised(graph, power, test, summed), feed, calibration=known)
    assert any("the fabric has no" in reason for reason in outcome.reasons)
    assert outcome.error < 0.03
    (found,) = outcome.found.values()
    assert not found[::5].any()


@pytest.mark.parametrize("operator", ["Log", "Sqrt", "Reciprocal"])
def test_a_value_that_is_no_number_takes_its_maker_to_the_host(apply, rng, operator):
    x = rng.normal(size=(4, 16)).astype(np.float32)
    x[0, :3] = 0
    outcome = apply(operator, x)
    assert len(outcome.reasons) == 1
    np.testing.assert_array_equal(outcome.found["y0"], outcome.expected["y0"])


@pytest.mark.parametrize("operator", ["Sigmoid", "Add", "ReduceSum"])
def test_what_reads_infinity_runs_on_the_host(graph, run, rng, operator):
    g = graph()
    power = g.node("Exp", [g.input("x", [4, 8])], [4, 8])
    rest = {"Add": [g.constant(np.float32(1))], "ReduceSum": [g.constant(np.array([1]))]}.get(operator, [])
    y = g.node(operator, [power, *rest], [4, 1] if operator == "ReduceSum" else [4, 8])
    x = rng.normal(size=(4, 8)).astype(np.float32)
    x[1, 2] = 100
    outcome = run(g.model(y), {"x": x})
    assert len(outcome.reasons) == 2
    assert "is infinite for a calibration input" in outcome.reasons[0]
    np.testing.assert_allclose(outcome.found[y], outcome.expected[y], rtol=1e-6)


def test_a_quotient_of_two_zeros_is_replaced_where_the_model_does(graph, run, rng):
    """``x / x`` of rows that may be empty, 0 where it is not a number."""
    g = graph()
    x = g.input("x", [6, 8])
    share = g.node("Div", [x, g.node("ReduceSum", [x, g.constant(np.array([1]))], [6, 1])], [6, 8])
    y = g.node("Where", [g.node("IsNaN", [share], [6, 8], dtype=bool), g.constant(np.float32(0)), share], [6, 8])
    rows = np.abs(rng.normal(size=(6, 8))).astype(np.float32)
    outcome = run(g.model(y), {"x": np.where(np.arange(6)[:, None] == 2, 0, rows)}, calibration=[{"x": rows}] * 16)
    assert outcome.error < 1e-3
    assert not outcome.found[y][2].any()


@pytest.mark.parametrize("far", [-1e4, -1e9, -3e38, -np.inf])
def test_numbers_that_are_added_to_scores_are_a_mask(graph, run, rng, far):
    """The fabric runs all of it."""
    g = graph()
    scores, mask = g.input("scores", [8, 16]), np.where(rng.random((8, 16)) < 0.3, far, 0).astype(np.float32)
    y = g.node("Softmax", [g.node("Add", [scores, g.constant(mask)], [8, 16])], [8, 16], axis=-1)
    outcome = run(g.model(y), {"scores": rng.normal(size=(8, 16)).astype(np.float32)})
    assert not outcome.reasons
    assert outcome.error < 1e-3


@pytest.mark.parametrize("large", [1e31, -1e35])
def test_such_numbers_elsewhere_are_numbers(graph, run, rng, large):
    g = graph()
    x = g.node("Mul", [g.input("x", [8, 16]), g.constant(np.float32(large))], [8, 16])
    y = g.node("Div", [x, g.constant(np.float32(2))], [8, 16])
    outcome = run(g.model(y), {"x": rng.normal(size=(8, 16)).astype(np.float32)})
    assert any("e+3" in reason for reason in outcome.reasons)
    assert outcome.error < 1e-6


def test_a_guard_that_nothing_can_trip_costs_nothing(graph, run, rng):
    """No pole lies on the way to it: the layer stays on the fabric."""
    g = graph()
    weight = g.constant(rng.normal(size=(16, 16)).astype(np.float32))
    x = g.node("Tanh", [g.node("MatMul", [g.input("x", [8, 16]), weight], [8, 16])], [8, 16])
    y = g.node("Where", [g.node("IsNaN", [x], [8, 16], dtype=bool), g.constant(np.float32(0)), x], [8, 16])
    outcome = run(g.model(y), {"x": rng.normal(size=(8, 16)).astype(np.float32)})
    assert len(outcome.reasons) == 2
    assert outcome.error < 0.02


def test_calibration_inputs_are_numbers(graph):
    from gatewright.compiler.compile import compile_model

    g = graph()
    model = g.model(g.node("Relu", [g.input("x", [2, 4])], [2, 4]))
    with pytest.raises(CompileError, match=r"'x'.* is NaN"):
        compile_model(model, config="tiny", calibration={"x": np.full((2, 4), np.nan, np.float32)})
