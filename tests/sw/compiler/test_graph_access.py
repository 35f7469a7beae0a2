"""What a node or a value surely has is handed out; what is missing is named."""

import numpy as np
import onnx_ir as ir
import pytest

from gatewright.compiler.errors import CompileError
from gatewright.compiler.graph_access import (
    constant_of,
    graph_of,
    maker_of,
    numpy_type,
    operand,
    operands,
    shape_of,
    static_shape,
    type_of,
)


def value(shape=None, dtype=None, data=None):
    return ir.Value(
        name="x",
        shape=None if shape is None else ir.Shape(shape),
        type=None if dtype is None else ir.TensorType(dtype),
        const_value=None if data is None else ir.tensor(data),
    )


def test_what_is_there():
    x, y = value([2, 3], ir.DataType.INT8, np.arange(3)), value(["n", 3])
    node = ir.node("Add", [x, y], name="sum")
    assert operand(node, 1) is y
    assert operands(node, 2) == (x, y)
    assert static_shape(x) == (2, 3)
    assert str(shape_of(y)) == "[n,3]"
    assert (type_of(x), numpy_type(x)) == (ir.DataType.INT8, np.int8)
    assert constant_of(x).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: operand(ir.node("Add", [value(), None], name="sum"), 1), r"node sum \(Add\) has no operand 1"),
        (lambda: operands(ir.node("Add", [value()], name="sum"), 2), r"node sum \(Add\) has no operand 1"),
        (lambda: maker_of(value()), "x is computed by no node"),
        (lambda: graph_of(ir.node("Add", [value()], name="sum")), r"node sum \(Add\) is in no graph"),
        (lambda: shape_of(value()), "the shape of x is unknown"),
        (lambda: static_shape(value([2, "n"])), r"the shape of x is \[2,n\], allowed here are numbers"),
        (lambda: numpy_type(value()), "the type of x is unknown"),
        (lambda: constant_of(value()), "x is computed, allowed here is a constant"),
    ],
    ids=["none", "few", "maker", "graph", "shape", "dynamic", "type", "constant"],
)
def test_what_is_missing(ask, message):
    with pytest.raises(CompileError, match=message):
        ask()
