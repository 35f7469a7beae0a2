"""Scaling rows to length 1 becomes one operator."""

import onnx_ir as ir

from gatewright.compiler.graph_access import operand
from gatewright.compiler.passes.rewriting import Pass, axes, emit, operands, producer, replace, scalar

__all__ = ["FuseL2Norm"]

_ZERO_ROWS = 1e-12  # bound of the norm for LpNormalization, which returns zeros for zeros


class FuseL2Norm(Pass):
    """Before: ``x / max(norm(x), epsilon)`` or ``x / norm(x)``, or ``LpNormalization``, over the last axis.

    After: ``gatewright.L2Norm(x, epsilon)``.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        for node in list(model.graph):
            if node.domain or not node.inputs or node.outputs[0].dtype != ir.DataType.FLOAT:
                continue
            x = node.inputs[0]
            epsilon = _divisor(node, x) if node.op_type == "Div" else _lp(node)
            if x is None or epsilon is None:
                continue
            new = emit("L2Norm", [x], node, model.graph, attributes={"epsilon": epsilon}, ours=True)
            replace(node.outputs[0], new)
            changed = True
        return changed


def _lp(node: ir.Node) -> float | None:
    value = node.inputs[0]
    if node.op_type != "LpNormalization" or value is None or value.shape is None:
        return None
    last = node.attributes.get_int("axis", -1) in (-1, len(value.shape) - 1)
    return _ZERO_ROWS if last and node.attributes.get_int("p", 2) == 2 else None


def _divisor(node: ir.Node, x: ir.Value | None) -> float | None:
    """epsilon if the divisor is the norm of ``x``, bounded from below by it or not bounded."""
    divisor, epsilon = node.inputs[1], 0.0
    if clip := producer(divisor, "Clip"):
        low = scalar(clip.inputs[1]) if len(clip.inputs) > 1 else None
        if low is None or (len(clip.inputs) > 2 and clip.inputs[2] is not None):
            return None
        divisor, epsilon = clip.inputs[0], low
    elif (largest := producer(divisor, "Max")) and len(largest.inputs) == 2:
        bounded = [(value, low) for value, constant in operands(largest) if (low := scalar(constant)) is not None]
        if not bounded:
            return None
        divisor, epsilon = bounded[0]
    return epsilon if _norm_of(divisor) is x else None


def _norm_of(value: ir.Value | None) -> ir.Value | None:
    if root := producer(value, "Sqrt"):
        total = producer(root.inputs[0], "ReduceSum")
        square = producer(total.inputs[0], "Mul", "Pow") if total else None
        if total is None or square is None or not _last(total):
            return None
        x, other = square.inputs
        squared = x is other if square.op_type == "Mul" else scalar(other) == 2.0
        return x if squared else None
    norm = producer(value, "ReduceL2")
    return norm.inputs[0] if norm and _last(norm) else None


def _last(node: ir.Node) -> bool:
    value = operand(node, 0)
    rank = len(value.shape) if value.shape is not None else 0
    return axes(node) == (rank - 1,) and node.attributes.get_int("keepdims", 1) == 1
