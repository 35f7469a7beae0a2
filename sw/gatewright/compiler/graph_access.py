"""What a node and a value of a checked model surely have, where onnx_ir says "perhaps"."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.errors import CompileError

__all__ = [
    "constant_of",
    "graph_of",
    "is_tensor",
    "maker_of",
    "numpy_type",
    "operand",
    "operands",
    "shape_of",
    "static_shape",
    "type_of",
]


def operand(node: ir.Node, index: int) -> ir.Value:
    """Input ``index`` of a node. Raises `CompileError` where the node has none."""
    value = node.inputs[index] if index < len(node.inputs) else None
    if value is None:
        raise CompileError(f"node {node.name} ({node.op_type}) has no operand {index}")
    return value


def operands(node: ir.Node, count: int) -> tuple[ir.Value, ...]:
    """The first ``count`` inputs of a node. Raises `CompileError` where one is missing."""
    return tuple(operand(node, index) for index in range(count))


def maker_of(value: ir.Value) -> ir.Node:
    """The node that computes a value. Raises `CompileError` for an input or a constant."""
    node = value.producer()
    if node is None:
        raise CompileError(f"{value.name} is computed by no node")
    return node


def graph_of(node: ir.Node) -> ir.Graph:
    """The graph that a node is in. Raises `CompileError` for a node that was taken out."""
    if not isinstance(node.graph, ir.Graph):
        raise CompileError(f"node {node.name} ({node.op_type}) is in no graph")
    return node.graph


def is_tensor(value: ir.Value) -> bool:
    """Whether it is one and no sequence or optional; a value of unknown type is none."""
    return isinstance(value.type, ir.TensorType)


def shape_of(value: ir.Value) -> ir.Shape:
    """The shape of a value. Raises `CompileError` where it is unknown."""
    if value.shape is None:
        raise CompileError(f"the shape of {value.name} is unknown")
    return value.shape


def static_shape(value: ir.Value) -> tuple[int, ...]:
    """A shape of numbers alone. Raises `CompileError` where a size is unknown or dynamic."""
    sizes = [size for size in shape_of(value) if isinstance(size, int)]
    if len(sizes) < len(shape_of(value)):
        raise CompileError(f"the shape of {value.name} is {value.shape}, allowed here are numbers")
    return tuple(sizes)


def type_of(value: ir.Value) -> ir.DataType:
    """The type of a value's elements. Raises `CompileError` where it is unknown."""
    if value.dtype is None:
        raise CompileError(f"the type of {value.name} is unknown")
    return value.dtype


def numpy_type(value: ir.Value) -> np.dtype[Any]:
    """The same, as numpy calls it."""
    return type_of(value).numpy()


def constant_of(value: ir.Value) -> npt.NDArray[Any]:
    """The array of a constant. Raises `CompileError` for a value that is none."""
    if value.const_value is None:
        raise CompileError(f"{value.name} is computed, allowed here is a constant")
    return value.const_value.numpy()
