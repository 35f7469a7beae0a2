"""Which values may have rows that are empty."""

import numpy as np
import onnx_ir as ir
import pytest

from gatewright.compiler.load import read_model
from gatewright.compiler.quantisation.empty_rows import may_be_empty


def sparse(g):
    arrays = [g.constant(np.array([0, 1, 1])), g.constant(np.array([0])), g.constant(np.ones(1, np.float32))]
    return g.node("CsrMatMul", [*arrays, g.input("x", [2, 4])], [2, 4], ours=True)


def pooled(g):
    operands = [g.input("x", [2, 3, 4]), g.input("mask", [2, 3], bool)]
    return g.node("MeanPool", operands, [2, 4], ours=True)


def gathered(g, zero):
    table = np.ones((5, 4), np.float32)
    table[0] = 1 - zero
    return g.node("Gather", [g.constant(table), g.input("rows", [2], np.int64)], [2, 4])


def adjacent(g, zero):
    matrix = np.ones((2, 3), np.float32)
    matrix[1] = 1 - zero
    return g.node("MatMul", [g.constant(matrix), g.input("x", [3, 4])], [2, 4])


def plain(g):
    return g.node("Relu", [g.input("other", [2, 4])], [2, 4])


@pytest.mark.parametrize(
    ("make", "empty"),
    [
        (sparse, True),
        (pooled, True),
        (lambda g: gathered(g, 1), True),
        (lambda g: gathered(g, 0), False),
        (lambda g: adjacent(g, 1), True),
        (lambda g: adjacent(g, 0), False),
        (plain, False),
        (lambda g: g.node("Relu", [sparse(g)], [2, 4]), True),
        (lambda g: g.node("Sigmoid", [sparse(g)], [2, 4]), False),
        (lambda g: g.node("L2Norm", [sparse(g)], [2, 4], ours=True, epsilon=1e-6), True),
        (lambda g: g.node("Mul", [plain(g), sparse(g)], [2, 4]), True),
        (lambda g: g.node("Div", [sparse(g), g.constant(np.float32(2))], [2, 4]), True),
        (lambda g: g.node("Add", [plain(g), sparse(g)], [2, 4]), False),
        (lambda g: g.node("Transpose", [g.node("Transpose", [sparse(g)], [4, 2])], [2, 4]), True),
    ],
)
def test_may_be_empty(graph, make, empty):
    g = graph()
    model = read_model(g.model(make(g)))
    (output,) = model.graph.outputs
    assert isinstance(output, ir.Value)
    assert may_be_empty(output) == empty
