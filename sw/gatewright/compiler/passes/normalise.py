"""Layer norm and RMS norm: the recognition that both share."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import axes, consumer, elements, operands, producer, scalar, vector

__all__ = ["Affine", "Normalised", "affine", "match_normalised", "mean_of"]


@dataclass(frozen=True)
class Normalised:
    """``result = x / sqrt(mean(x²) + epsilon)``, the mean over the last axis."""

    x: ir.Value
    epsilon: float
    result: ir.Value


@dataclass(frozen=True)
class Affine:
    """``result = x * gain + bias`` along the last axis, with 1 and 0 for what is not there."""

    gain: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    result: ir.Value


def match_normalised(node: ir.Node) -> Normalised | None:
    """Recognise ``x / d``, ``x * (1 / d)``, ``x * reciprocal(d)`` and ``x * p``, d = sqrt(v), p = v ** -0.5."""
    if node.domain or node.op_type not in ("Div", "Mul"):
        return None
    result = node.outputs[0]
    for x, divisor in operands(node):
        if node.op_type == "Div" and x is not node.inputs[0]:
            continue
        variance = _root(divisor) if node.op_type == "Div" else _inverse_root(divisor)
        found = _mean_square(variance, x) if variance is not None else None
        if found is not None and result.dtype == ir.DataType.FLOAT:
            return Normalised(x, found, result)
    return None


def _root(value: ir.Value | None) -> ir.Value | None:
    """``v`` of ``sqrt(v)``."""
    if node := producer(value, "Sqrt"):
        return node.inputs[0]
    if (node := producer(value, "Pow")) and scalar(node.inputs[1]) == 0.5:
        return node.inputs[0]
    return None


def _inverse_root(value: ir.Value | None) -> ir.Value | None:
    """``v`` of ``1 / sqrt(v)``."""
    if node := producer(value, "Reciprocal"):
        return _root(node.inputs[0])
    if (node := producer(value, "Div")) and scalar(node.inputs[0]) == 1.0:
        return _root(node.inputs[1])
    if (node := producer(value, "Pow")) and scalar(node.inputs[1]) == -0.5:
        return node.inputs[0]
    return None


def _mean_square(value: ir.Value, x: ir.Value) -> float | None:
    """epsilon of ``mean(x²) + epsilon``."""
    node = producer(value, "Add")
    for mean, constant in operands(node) if node else ():
        epsilon, square = scalar(constant), mean_of(mean)
        if epsilon is not None and square is not None and _is_square(square, x):
            return epsilon
    return None


def mean_of(value: ir.Value | None) -> ir.Value | None:
    """``v`` of a mean of v over the last axis that keeps it."""
    node = producer(value, "ReduceMean")
    source = node.inputs[0] if node else None
    if node is None or source is None or source.shape is None or not node.attributes.get_int("keepdims", 1):
        return None
    return source if axes(node) == (len(source.shape) - 1,) else None


def _is_square(value: ir.Value, x: ir.Value) -> bool:
    if node := producer(value, "Pow"):
        return scalar(node.inputs[1]) == 2.0 and _same(node.inputs[0], x)
    if node := producer(value, "Mul"):
        return _same(node.inputs[0], x) and _same(node.inputs[1], x)
    return False


def _same(first: ir.Value | None, second: ir.Value) -> bool:
    """One value, or one subtraction written twice."""
    if first is second:
        return True
    one, other = producer(first, "Sub"), producer(second, "Sub")
    return one is not None and other is not None and tuple(one.inputs) == tuple(other.inputs)


def affine(x: ir.Value) -> Affine | None:
    """What follows ``x``: a product with a constant vector, then a sum with one; None if the size of x is dynamic."""
    length = elements(x)
    if length is None:
        return None
    gain, bias, result = np.ones(length, np.float32), np.zeros(length, np.float32), x
    for op_type in ("Mul", "Add"):
        node = consumer(result, op_type)
        for value, constant in operands(node) if node else ():
            found = vector(constant, length)
            if value is result and found is not None and node is not None and node.outputs[0].shape == x.shape:
                gain, bias = (found, bias) if op_type == "Mul" else (gain, found)
                result = node.outputs[0]
                break
    return Affine(gain, bias, result)
