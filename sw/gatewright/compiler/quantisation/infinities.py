"""What is no number: infinity, NaN, and magnitudes from 1e30 on. The fabric has none of them, so that nodes which make
or read them run on the host, as do those that might: a division by what can be 0, and all that a test for infinity
sees.

A mask is the exception: numbers that are only added to the scores of a softmax say that something is not there, and
saturate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import onnx_ir as ir

from gatewright.compiler.quantisation.observation import MASKED, Observation
from gatewright.compiler.quantisation.scores import VIEWS, is_score

__all__ = ["not_numbers", "pole"]

Observations = Mapping[str, Observation]

_COMPARISONS = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})

_ELEMENTWISE = frozenset(
    {"Abs", "Add", "Clip", "Div", "Exp", "Log", "Max", "Mean", "Min", "Mul", "Neg", "Pow", "Reciprocal", "Relu"}
    | {"Softmax", "Sqrt", "Sub", "Sum", "Where"}
)
"""Operators that infinity passes, or that make it."""

_MAKERS = frozenset({"Div", "Exp", "Log", "Pow", "Reciprocal", "Softmax", "Sqrt"})
"""Those that make it, or NaN, of finite numbers."""

_SUMS = frozenset({"CsrMatMul", "Gemm", "Linear", "MatMul", "ReduceL1", "ReduceL2", "ReduceMean", "ReduceSum"})


def not_numbers(model: ir.Model, observations: Observations) -> dict[ir.Node, str]:
    """Why nodes cannot run on the fabric for the numbers that they meet; without ``observations``, that they may."""
    found: dict[ir.Node, str] = {}
    for node in model.graph:
        for tested in _guarded(node):
            reason = f"{node.name} asks whether {tested.name} is finite, and the fabric has no infinity"
            path = list(_path(tested))
            if any(each.op_type in _MAKERS for each in path):
                found |= {each: reason for each in path if each not in found}
    for node in model.graph:
        if node in found:
            continue
        for value in (*node.inputs, *node.outputs):
            what = _not_a_number(value, observations) if value is not None else None
            if value is not None and what is not None:
                found.setdefault(
                    node, f"{value.name} {what} for a calibration input, and the fabric has no such numbers"
                )
        divisor = pole(node)
        if divisor is not None and _can_be_zero(divisor, observations):
            found.setdefault(
                node, f"{divisor.name} can be 0, where the result is infinite, and the fabric has no infinity"
            )
    return found


def _not_a_number(value: ir.Value, observations: Observations) -> str | None:
    """What calibration saw of a value that no number format holds."""
    seen = observations.get(value.name or "")
    if seen is None or seen.extreme < MASKED or value.const_value is not None or is_score(value):
        return None
    if math.isnan(seen.extreme):
        return "is NaN"
    return "is infinite" if math.isinf(seen.extreme) else f"reaches {seen.extreme:.1g}"


# ---- tests for infinity


def _guarded(node: ir.Node) -> Iterator[ir.Value]:
    """The values of which a node asks whether they are finite."""
    if node.domain:
        return
    if node.op_type in ("IsInf", "IsNaN") and node.inputs[0] is not None:
        yield node.inputs[0]
    if node.op_type in _COMPARISONS:
        first, second = node.inputs
        if first is second and first is not None:
            yield first
        for value, other in ((first, second), (second, first)):
            if value is not None and value.const_value is None and _holds_infinity(other):
                yield value


def _holds_infinity(value: ir.Value | None) -> bool:
    if value is None or value.const_value is None or value.dtype is None or not value.dtype.is_floating_point():
        return False
    return not bool(np.isfinite(value.const_value.numpy().astype(np.float32)).all())


def _path(value: ir.Value) -> Iterator[ir.Node]:
    """The nodes by which a value may have become infinite: back to what a function is taken of, which must be exact."""
    node = value.producer()
    if node is None:
        return
    yield node
    if not node.domain and node.op_type in VIEWS | _ELEMENTWISE:
        for operand in node.inputs:
            if operand is not None and operand.const_value is None:
                yield from _path(operand)


# ---- poles


def pole(node: ir.Node) -> ir.Value | None:
    """The operand of a node whose result is infinite where that is 0."""
    if node.domain:
        return None
    if node.op_type in ("Log", "Reciprocal"):
        return node.inputs[0]
    if node.op_type == "Div":
        divisor = node.inputs[1]
        return divisor if divisor is not None and divisor.const_value is None else None
    if node.op_type == "Pow" and node.inputs[1] is not None and node.inputs[1].const_value is not None:
        return node.inputs[0] if float(node.inputs[1].const_value.numpy().min(initial=0.0)) < 0 else None
    return None


def _can_be_zero(value: ir.Value, observations: Observations) -> bool:
    """Whether 0 is in a value's range: calibration saw both signs or 0 itself, or its operator can give it."""
    node, seen = value.producer(), observations.get(value.name or "")
    if seen is not None and seen.low.min(initial=math.inf) <= 0 <= seen.high.max(initial=-math.inf):
        return True
    if node is None or not node.inputs or node.inputs[0] is None:
        return False
    operand = node.inputs[0]
    bounded = node.op_type in ("Clip", "Max") and any(_is_zero(each) for each in node.inputs)
    if node.op_type in ("Relu", "Softmax", "ThresholdedRelu") or bounded:
        return True
    squared = node.op_type == "Mul" and node.inputs[0] is node.inputs[1]
    if node.op_type in ("Abs", "Neg", "Pow", "Sqrt") or squared or node.op_type in VIEWS:
        return _can_be_zero(operand, observations)
    if node.op_type in ("Div", "Mul") and node.inputs[1] is not None and node.inputs[1].const_value is not None:
        return _can_be_zero(operand, observations)
    if node.op_type in _SUMS:  # of a row of zeros
        summed = node.inputs[3] if node.op_type == "CsrMatMul" else operand
        return summed is not None and _reaches_zero(summed, observations)
    return False


def _is_zero(value: ir.Value | None) -> bool:
    return value is not None and value.const_value is not None and not value.const_value.numpy().any()


def _reaches_zero(value: ir.Value, observations: Observations) -> bool:
    seen = observations.get(value.name or "")
    return seen is not None and seen.low.min(initial=math.inf) == 0
