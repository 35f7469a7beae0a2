"""A sparse matrix times features."""

import numpy as np
import pytest

from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import CompileError

RNG = np.random.default_rng(4)


def matrix(rows, cols, edges):
    row = np.sort(RNG.integers(0, rows, edges))
    row_ptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))])
    return row_ptr, RNG.integers(0, cols, edges), RNG.uniform(-1, 1, edges).astype(np.float32)


def features(rows, cols):
    return RNG.normal(size=(rows, cols)).astype(np.float32)


@pytest.mark.parametrize(("rows", "cols", "edges", "width"), [(20, 30, 100, 16), (5, 7, 3, 20), (40, 10, 400, 300)])
def test_a_constant_matrix(graph, run, rows, cols, edges, width):
    g = graph()
    arrays = [g.constant(array) for array in matrix(rows, cols, edges)]
    model = g.model(g.node("CsrMatMul", [*arrays, g.input("x", [cols, width])], [rows, width], ours=True))
    outcome = run(model, {"x": features(cols, width)})
    assert not outcome.reasons
    assert outcome.error < 0.02


def test_columns_follow_what_reads_the_result(graph, run):
    """int8 all the way into the layer behind it, with a step per column."""
    g = graph()
    arrays = [g.constant(array) for array in matrix(30, 20, 150)]
    y = g.node("CsrMatMul", [*arrays, g.input("x", [20, 32])], [30, 32], ours=True)
    weight = g.constant(RNG.normal(size=(8, 32)).astype(np.float32) * 0.2)
    model = g.model(g.node("Linear", [y, weight], [30, 8], ours=True, overload="no_bias"))
    x = features(20, 32) * np.where(np.arange(32) < 4, 20, 1).astype(np.float32)
    outcome = run(model, {"x": x})
    assert sum(step.count for step in outcome.steps) == 2
    assert outcome.error < 0.04


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
def test_a_matrix_that_comes_with_each_call(graph, run, edges):
    row_ptr, col, weight = matrix(12, 25, edges)
    feed = {"row_ptr": row_ptr, "col": col, "weight": weight, "x": features(25, 16)}
    outcome = run(given(graph), feed, capacity={"pointers": 40, "edges": 100, "nodes": 30})
    assert not outcome.reasons
    assert outcome.found[next(iter(outcome.found))].shape == (12, 16)
    assert outcome.error < 0.03


def test_a_constant_matrix_that_is_none_is_refused(graph):
    g = graph()
    row_ptr, col, weight = matrix(6, 5, 10)
    row_ptr[2:4] = 5, 3
    arrays = [g.constant(array) for array in (row_ptr, col, weight)]
    model = g.model(g.node("CsrMatMul", [*arrays, g.input("x", [5, 8])], [6, 8], ours=True))
    with pytest.raises(CompileError, match="row_ptr falls"):
        compile_model(model, calibration={"x": features(5, 8)})
