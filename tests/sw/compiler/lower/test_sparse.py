"""A sparse matrix times features."""

import numpy as np
import pytest

from gatewright import Accelerator
from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import CompileError


def matrix(rng, rows, cols, edges):
    row = np.sort(rng.integers(0, rows, edges))
    row_ptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))])
    return row_ptr, rng.integers(0, cols, edges), rng.uniform(-1, 1, edges).astype(np.float32)


def features(rng, rows, cols):
    return rng.normal(size=(rows, cols)).astype(np.float32)


@pytest.mark.parametrize(("rows", "cols", "edges", "width"), [(20, 30, 100, 16), (5, 7, 3, 20), (40, 10, 400, 300)])
def test_a_constant_matrix(graph, run, rows, cols, edges, width, rng):
    g = graph()
    arrays = [g.constant(array) for array in matrix(rng, rows, cols, edges)]
    model = g.model(g.node("CsrMatMul", [*arrays, g.input("x", [cols, width])], [rows, width], ours=True))
    outcome = run(model, {"x": features(rng, cols, width)})
    assert not outcome.reasons
    assert outcome.error < 0.02


def test_columns_follow_what_reads_the_result(graph, run, rng):
    """int8 all the way into the layer behind it, with a step per column."""
    g = graph()
    arrays = [g.constant(array) for array in matrix(rng, 30, 20, 150)]
    y = g.node("CsrMatMul", [*arrays, g.input("x", [20, 32])], [30, 32], ours=True)
    weight = g.constant(rng.normal(size=(8, 32)).astype(np.float32) * 0.2)
    model = g.model(g.node("Linear", [y, weight], [30, 8], ours=True, overload="no_bias"))
    x = features(rng, 20, 32) * np.where(np.arange(32) < 4, 20, 1).astype(np.float32)
    outcome = run(model, {"x": x})
    assert sum(step.count for step in outcome.steps) == 2
    assert outcome.error < 0.04


def behind(g, y, kind):
    """What may stand between a sparse product and a layer, with the product's empty rows."""
    if kind == "a view":
        return g.node(
            "Reshape", [g.node("Reshape", [y, g.constant([5, 6, 32])], [5, 6, 32]), g.constant([30, 32])], [30, 32]
        )
    if kind == "a factor":
        return g.node("Mul", [y, g.constant(np.float32(0.5))], [30, 32])
    if kind == "a sum":
        return g.node("Add", [y, g.node("Relu", [y], [30, 32])], [30, 32])
    return y if kind == "nothing" else g.node(kind, [y], [30, 32])


@pytest.mark.parametrize("kind", ["nothing", "Relu", "Tanh", "a view", "a factor", "a sum"])
def test_an_empty_row_through_a_layer_is_its_bias(graph, run, rng, kind):
    row_ptr, col, weight = matrix(rng, 29, 20, 150)
    row_ptr = np.insert(row_ptr, 7, row_ptr[7])  # node 7 has no neighbour
    weight = np.abs(weight)  # results of one sign, whose mean error is not 0
    g = graph()
    y = g.node("CsrMatMul", [*map(g.constant, (row_ptr, col, weight)), g.input("x", [20, 32])], [30, 32], ours=True)
    bias = rng.normal(size=8).astype(np.float32)
    layer = [behind(g, y, kind), g.constant(rng.normal(size=(8, 32)).astype(np.float32) * 0.2), g.constant(bias)]
    outcome = run(g.model(g.node("Linear", layer, [30, 8], ours=True)), {"x": np.abs(features(rng, 20, 32))})
    (found,) = outcome.found.values()
    step = 1.5 * max(np.abs(value).max() for value in outcome.expected.values()) / (127 * 256)
    assert np.abs(found[7] - bias).max() <= 1.01 * step
    assert outcome.error < 0.03


def given(graph, width=16):
    g = graph()
    inputs = [
        g.input("row_ptr", ["pointers"], np.int64),
        g.input("col", ["edges"], np.int64),
        g.input("weight", ["edges"]),
        g.input("x", ["nodes", width]),
    ]
    return g.model(g.node("CsrMatMul", inputs, ["pointers - 1", width], ours=True))


@pytest.mark.parametrize("edges", [1, 60, 100])
def test_a_matrix_that_comes_with_each_call(graph, run, edges, rng):
    row_ptr, col, weight = matrix(rng, 12, 25, edges)
    feed = {"row_ptr": row_ptr, "col": col, "weight": weight, "x": features(rng, 25, 16)}
    outcome = run(given(graph), feed, capacity={"pointers": 40, "edges": 100, "nodes": 30})
    assert not outcome.reasons
    assert outcome.found[next(iter(outcome.found))].shape == (12, 16)
    assert outcome.error < 0.03


@pytest.mark.parametrize(("factor", "saturated"), [(1.0, False), (1.4, False), (100.0, True)])
def test_a_call_counts_edge_weights_beyond_calibration(graph, factor, saturated, rng):
    row_ptr, col, weight = matrix(rng, 12, 25, 60)
    feed = {"row_ptr": row_ptr, "col": col, "weight": weight, "x": features(rng, 25, 16)}
    capacity = {"pointers": 40, "edges": 100, "nodes": 30}
    program = compile_model(given(graph), config="tiny", calibration=feed, capacity=capacity)
    with Accelerator(program.config, "golden") as accelerator, accelerator.load(program) as loaded:
        loaded(**feed | {"weight": weight * np.float32(factor)})
        assert [found.name for found in loaded.report.saturated] == ["weight"] * saturated


def test_a_constant_matrix_that_is_none_is_refused(graph, rng):
    g = graph()
    row_ptr, col, weight = matrix(rng, 6, 5, 10)
    row_ptr[2:4] = 5, 3
    arrays = [g.constant(array) for array in (row_ptr, col, weight)]
    model = g.model(g.node("CsrMatMul", [*arrays, g.input("x", [5, 8])], [6, 8], ours=True))
    with pytest.raises(CompileError, match="row_ptr falls"):
        compile_model(model, calibration={"x": features(rng, 5, 8)})
