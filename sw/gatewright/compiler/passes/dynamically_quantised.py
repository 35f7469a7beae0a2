"""Import of dynamically quantised models: products of integers whose scales are found with each call become real ones.

The accelerator has formats of its own for what enters a product, chosen by calibration. A model that measures its
operands' ranges anew with each call would leave the fabric before every layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.graph_access import graph_of, maker_of, operand
from gatewright.compiler.passes.quantised import QUANTISED
from gatewright.compiler.passes.rewriting import (
    Pass,
    array,
    consumer,
    elements,
    emit,
    initializer,
    operands,
    producer,
    replace,
    vector,
)
from gatewright.compiler.passes.views import view_source

__all__ = ["ImportDynamicallyQuantised"]

Factor = npt.NDArray[np.float32]
"""[] or [columns]."""

_ONE = np.ones((), np.float32)


class ImportDynamicallyQuantised(Pass):
    """Before: ``Cast(MatMulInteger(q, w, z, wz)) * s * ws`` with ``q, s, z = DynamicQuantizeLinear(x)``, or q rows of
    a constant table, and w constant integers with a scale and a zero point, for all or for each column; or both
    operands of the first kind. Also onnxruntime's ``MatMulIntegerToFloat`` and ``DynamicQuantizeMatMul``.

    After: ``MatMul(x, W)`` of real numbers, W with its integers as `QUANTISED`.
    """

    def rewrite(self, model: ir.Model) -> bool:
        found = [(_PRODUCTS.get((node.domain, node.op_type)), node) for node in list(model.graph)]
        return any([read(model.graph, node) for read, node in found if read is not None])


@dataclass(frozen=True)
class _Operand:
    """What a product of integers reads: a constant's ``integers`` less their zero point, or those that stand for the
    ``real`` numbers in steps of ``scale`` (None for 1)."""

    real: ir.Value | None = None
    scale: ir.Value | None = None
    integers: npt.NDArray[np.int32] | None = None
    name: str = "weight"


def _operand(value: ir.Value | None, zero: ir.Value | None) -> _Operand | None:
    if value is None:
        return None
    integers = _integers(value, zero)
    if integers is not None:
        return _Operand(integers=integers, name=value.name or "weight")
    origin = _origin(value)
    quantise, gather = producer(origin, "DynamicQuantizeLinear"), producer(origin, "Gather")
    if quantise is not None and zero is quantise.outputs[2] and quantise.inputs[0] is not None:
        return _Operand(_moved(value, origin, quantise.inputs[0]), quantise.outputs[1])
    table = _integers(gather.inputs[0], zero) if gather is not None and _uniform(zero) else None
    if gather is None or gather.graph is None or table is None:
        return None
    real = initializer(gather.graph, table.astype(np.float32), "table")
    rows = emit(
        "Gather", [real, gather.inputs[1]], gather, gather.graph, attributes=gather.attributes, shape=origin.shape
    )
    return _Operand(_moved(value, origin, rows))


def _uniform(zero: ir.Value | None) -> bool:
    constant = array(zero)
    return zero is None or (constant is not None and constant.size == 1)


def _integers(value: ir.Value | None, zero: ir.Value | None) -> npt.NDArray[np.int32] | None:
    """A constant's integers less its zero point, which is one for all or one for each column; None of anything else."""
    data, offset = array(value), array(zero)
    if data is None or (zero is not None and offset is None):
        return None
    if offset is None:
        return data.astype(np.int32)
    if offset.size != 1 and offset.shape[-1] != offset.size:
        return None
    return data.astype(np.int32) - (offset.reshape(()) if offset.size == 1 else offset).astype(np.int32)


def _origin(value: ir.Value) -> ir.Value:
    """What a chain of operators that only move elements starts from."""
    while (source := view_source(value.producer())) is not None:
        value = source
    return value


def _moved(value: ir.Value, origin: ir.Value, real: ir.Value) -> ir.Value:
    """``real``, moved as ``origin`` is on the way to ``value``."""
    if value is origin:
        return real
    node = maker_of(value)
    source = _moved(operand(node, 0), origin, real)
    copy = ir.node(node.op_type, [source, *node.inputs[1:]], node.attributes, num_outputs=len(node.outputs))
    graph_of(node).insert_after(node, copy)
    for new, old in zip(copy.outputs, node.outputs, strict=True):
        new.shape, new.dtype = old.shape, ir.DataType.FLOAT
    return copy.outputs[node.outputs.index(value)]


# ---- scales


def _scaled(total: ir.Value, dynamic: list[ir.Value]) -> tuple[ir.Value, Factor] | None:
    """The value that is ``total`` as real numbers times each of the ``dynamic`` scales, and the constant that it is
    multiplied with besides. None where that does not come."""
    cast = consumer(total, "Cast")
    if cast is None or cast.outputs[0].dtype != ir.DataType.FLOAT:
        return None
    value, factor = cast.outputs[0], _ONE
    while (found := _next_factor(value, dynamic)) is not None:
        value, dynamic, more = found
        factor = factor * more
    return None if dynamic else (value, factor)


def _next_factor(value: ir.Value, dynamic: list[ir.Value]) -> tuple[ir.Value, list[ir.Value], Factor] | None:
    """The product that reads ``value``, with what it leaves of the dynamic scales, and its constant."""
    node = consumer(value, "Mul")
    if node is None or node.outputs[0].shape != value.shape:
        return None
    other = next(second for first, second in operands(node) if first is value)
    found = _factors(other, dynamic, elements(value) or 1)
    return None if found is None else (node.outputs[0], *found)


def _factors(value: ir.Value | None, dynamic: list[ir.Value], columns: int) -> tuple[list[ir.Value], Factor] | None:
    """What of ``dynamic`` is left, and the constant, where ``value`` is a product of some of them and of constants."""
    constant = vector(value, columns)
    if constant is not None:
        return dynamic, constant if np.ptp(constant) else constant[0]
    if value in dynamic:
        left = list(dynamic)
        left.remove(value)
        return left, _ONE
    node = producer(value, "Mul")
    first = _factors(node.inputs[0], dynamic, columns) if node is not None else None
    second = _factors(node.inputs[1], first[0], columns) if node is not None and first is not None else None
    return None if first is None or second is None else (second[0], first[1] * second[1])


# ---- products


def _import_product(graph: ir.Graph, node: ir.Node) -> bool:
    """``MatMulInteger(a, b, zero of a, zero of b)``."""
    a_value, b_value, a_zero, b_zero = _inputs(node, 4)
    a, b = _operand(a_value, a_zero), _operand(b_value, b_zero)
    if a is None or b is None or (a.real is None and b.real is None):
        return False
    found = _scaled(node.outputs[0], [each.scale for each in (a, b) if each.scale is not None])
    return found is not None and _replace(graph, a, b, found[1], None, found[0])


def _import_with_scales(graph: ir.Graph, node: ir.Node) -> bool:
    """``MatMulIntegerToFloat(a, b, scale of a, scale of b, zero of a, zero of b, bias)``."""
    a_value, b_value, a_scale, b_scale, a_zero, b_zero, bias = _inputs(node, 7)
    a, b = _operand(a_value, a_zero), _operand(b_value, b_zero)
    if a is None or b is None or (a.real is None and b.real is None):
        return False
    dynamic, factor, columns = (
        [each.scale for each in (a, b) if each.scale is not None],
        _ONE,
        elements(node.outputs[0]),
    )
    for scale in (a_scale, b_scale):
        found = _factors(scale, dynamic, columns or 1)
        if found is None:
            return False
        dynamic, factor = found[0], factor * found[1]
    return not dynamic and _replace(graph, a, b, factor, bias, node.outputs[0])


def _import_whole(graph: ir.Graph, node: ir.Node) -> bool:
    """``DynamicQuantizeMatMul(x, w, scale, zero, bias)``."""
    x, weight, scale, zero, bias = _inputs(node, 5)
    b, found = _operand(weight, zero), _factors(scale, [], elements(node.outputs[0]) or 1)
    return b is not None and found is not None and _replace(graph, _Operand(x), b, found[1], bias, node.outputs[0])


_PRODUCTS = {
    ("", "MatMulInteger"): _import_product,
    ("com.microsoft", "MatMulIntegerToFloat"): _import_with_scales,
    ("com.microsoft", "DynamicQuantizeMatMul"): _import_whole,
}


def _inputs(node: ir.Node, count: int) -> list[ir.Value | None]:
    return [*node.inputs, *[None] * count][:count]


def _replace(
    graph: ir.Graph, a: _Operand, b: _Operand, factor: Factor, bias: ir.Value | None, result: ir.Value
) -> bool:
    """Put ``a b factor + bias`` of real numbers in the place of ``result``; the factor goes into a constant B."""
    last = result.producer()
    into = b.integers is not None
    operands = [_real(a), _weight(graph, b, factor) if into else _real(b)]
    y = emit("MatMul", operands, last, graph, shape=result.shape)
    if not into and (factor != 1).any():
        y = emit("Mul", [y, np.asarray(factor)], y.producer(), graph, shape=result.shape)
    if bias is not None:
        y = emit("Add", [y, bias], y.producer(), graph, shape=result.shape)
    replace(result, y)
    return True


def _real(operand: _Operand) -> ir.Value | npt.NDArray[np.float32]:
    if operand.real is not None:
        return operand.real
    assert operand.integers is not None
    return operand.integers.astype(np.float32)


def _weight(graph: ir.Graph, operand: _Operand, factor: Factor) -> ir.Value:
    """Constant integers times the factors of their columns."""
    integers = operand.integers
    assert integers is not None
    weight = initializer(graph, integers.astype(np.float32) * factor, operand.name)
    if integers.ndim == 2:
        weight.meta[QUANTISED] = integers.astype(np.int16), factor, 1 if factor.size > 1 else None
    return weight
