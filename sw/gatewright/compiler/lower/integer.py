"""Operators on integers: products with zero points, and the conversions between integers and real numbers.

On the device a uint8 q is the int8 ``q - 128``; a zero point moves along, so that ``q - zero`` stays. A product

    sum (a - za) (b - zb) = sum a b - za sum b - zb sum a + k za zb

is exact: a constant's sums go into the bias, and its zero point into its elements where they stay int8. Sums of values
are products with ones, and join the product in the vector engine, whose 24 bits hold them up to an inner dimension of
127.

QLinearMatMul requantises that sum with a factor of 16 bits and as many more as the sum leaves of 24. Its relative error
e, at most 2**-16, moves a result y before it is rounded by |y| e: the integer is ONNX's unless y lies within 2**-8 of a
tie, where it may be the next one. (Float32, in which others compute, leaves ties open to within 2**-16.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.emitter import gemm_params
from gatewright.compiler.fabric.kernels import View
from gatewright.compiler.formats import INT16, INT32, Format, Tensor, integer_format
from gatewright.compiler.graph_access import constant_of, numpy_type, operand, shape_of, static_shape
from gatewright.compiler.lower.matmul import pairs
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.vector import VALUE_BITS

__all__: list[str] = []

Ints = npt.NDArray[np.int64]

BYTES = (ir.DataType.INT8, ir.DataType.UINT8)
WIDE = (*BYTES, ir.DataType.INT16, ir.DataType.UINT16)

MOST_K = (1 << VALUE_BITS - 1) // (1 << 16) - 1
"""Inner dimension up to which a product and its corrections fit the vector engine's 24 bits."""

EXACT = Format(INT32, np.ones(()))


def _zero(node: ir.Node, index: int) -> Ints:
    """The zero point that input ``index`` gives, as it is on the device: [] or [n]; 0 without that input."""
    value = node.inputs[index] if index < len(node.inputs) else None
    if value is None or value.const_value is None:
        return np.zeros((), np.int64)
    found = value.const_value.numpy()
    zero = found.astype(np.int64).reshape(-1) - integer_format(found.dtype)[1]
    return zero[:1].reshape(()) if (zero == zero[0]).all() else zero


def _operand_zero(node: ir.Node, place: int, index: int) -> Ints:
    """As :func:`_zero`; without that input the integers of ``operand`` are themselves."""
    if index < len(node.inputs) and node.inputs[index] is not None:
        return _zero(node, index)
    value = operand(node, place)
    return np.asarray(-integer_format(numpy_type(value))[1])


# ---- products


def _refuse(node: ir.Node, config: AcceleratorConfig) -> str | None:
    whole = node.op_type == "MatMulInteger"
    b_index, za_index, zb_index = (1, 2, 3) if whole else (3, 2, 5)
    a, b = operand(node, 0), operand(node, b_index)
    for value in (a, b) if whole else (a, b, node.outputs[0]):
        if value.dtype not in BYTES:
            return f"{value.name} is {value.dtype}, allowed: int8 and uint8"
    shapes = shape_of(a), shape_of(b)
    if any(not shape.is_static() or len(shape) < 2 for shape in shapes):
        return f"its operands are {a.shape} and {b.shape}, allowed: static sizes, at least two dimensions"
    k = static_shape(a)[-1]
    if k > config.gemm_max_k:
        return f"its inner dimension is {k}, allowed at most {config.gemm_max_k}"
    za, zb = _operand_zero(node, 0, za_index), _operand_zero(node, b_index, zb_index)
    if za.size > 1:
        return "it has a zero point for each row"
    if b.const_value is None:
        if zb.size > 1:
            return "it has a zero point for each column of a computed matrix"
        if (za.any() or zb.any()) and k > MOST_K:
            return f"its zero points are not 0 and its inner dimension is {k}, allowed at most {MOST_K}"
    elif not _folds(node, b_index, zb) and (zb.size > 1 or k > MOST_K):
        return f"weights less their zero points are no int8, and the inner dimension is {k}, allowed at most {MOST_K}"
    if not whole:
        scales = [node.inputs[index] for index in (1, 4, 6)]
        if any(scale is None or scale.dtype != ir.DataType.FLOAT for scale in scales):
            return "its scales are no float32"
        if any(scale.const_value.size > 1 for scale in (scales[0], scales[2]) if scale and scale.const_value):
            return "it has a scale for each row"
    return None


def _folds(node: ir.Node, index: int, zero: Ints) -> bool:
    weight = _folded(node, index, zero)
    return int(np.abs(weight).max(initial=0)) <= 127


def _folded(node: ir.Node, index: int, zero: Ints) -> Ints:
    """A constant operand less its zero point."""
    value = operand(node, index)
    found = constant_of(value)
    return found.astype(np.int64) - integer_format(found.dtype)[1] - zero


def _accumulate(node: ir.Node, step: LoweredStep, index: int, za: Ints, zb: Ints, out: Tensor) -> float:
    """The exact product, int32, in ``out``; returns a bound of its magnitude."""
    a, b = operand(node, 0), operand(node, index)
    x, columns, zero = step.stored(a), out.view.cols, int(za)
    folded = _folded(node, index, zb) if b.const_value is not None and _folds(node, index, zb) else None
    if folded is not None:
        matrix = folded.astype(np.int8).reshape(-1, columns)
        y = Tensor(View.constant(f"{step.emit.node} weight", matrix), folded.shape, EXACT, 128.0)
        zb = np.zeros((), np.int64)
    else:
        y = step.stored(b)
    rows, k = int(step.shape(a)[-2]), int(step.shape(a)[-1])
    ones = View.constant(f"{step.emit.node} ones", np.ones((1, k), np.int8))
    batches = tuple(int(each) for each in x.shape[:-2]), tuple(int(each) for each in y.shape[:-2])
    for left, right, at in pairs(*batches):
        a_part, b_part = x.view.part(left * rows, rows), y.view.part(right * k, k)
        place = out.view.part(at * rows, rows)
        params = None
        if folded is not None and zero:
            sums = folded.reshape(-1, k, columns)[right].sum(0)
            params = View.constant(f"{step.emit.node} bias", gemm_params(1.0, -zero * sums))
        corrections: list[tuple[View, int, bool]] = []
        if folded is None and zero:
            sums_of_b = View.new(f"{step.emit.node} column sums", 1, columns, INT32)
            step.emit.gemm(ones, b_part, sums_of_b, None, b_is_kn=True)
            corrections.append((sums_of_b.repeated(rows), -zero, False))
        if zb.any():
            sums_of_a = View.new(f"{step.emit.node} row sums", rows, 1, INT32)
            step.emit.gemm(a_part, ones, sums_of_a, None)
            corrections.append((sums_of_a, -int(zb), True))
        for number, (view, factor, column) in enumerate(corrections):
            last = number == len(corrections) - 1
            raw = View.new(f"{step.emit.node} product", rows, columns, INT32)
            if number == 0:
                step.emit.gemm(a_part, b_part, raw, params, b_is_kn=True)
                have = raw
            target = place if last else View.new(f"{step.emit.node} corrected", rows, columns, INT32)
            step.emit.add_integers(have, view, target, factor, k * zero * int(zb) if last else 0, b_column=column)
            have = target
        if not corrections:
            step.emit.gemm(a_part, b_part, place, params, b_is_kn=True)
    return float(k << 16)


@rule("MatMulInteger", refuse=_refuse, constants=(2, 3))
def matmul_integer(node: ir.Node, step: LoweredStep) -> None:
    """int32, exact."""
    out = step.make(node.outputs[0], EXACT)
    bound = _accumulate(node, step, 1, _operand_zero(node, 0, 2), _operand_zero(node, 1, 3), out)
    step.define(node.outputs[0], Tensor(out.view, out.shape, EXACT, bound))


@rule("QLinearMatMul", refuse=_refuse, constants=(1, 2, 4, 5, 6, 7))
def qlinear_matmul(node: ir.Node, step: LoweredStep) -> None:
    """The exact product, requantised."""
    total = step.scratch(step.make(node.outputs[0], EXACT), EXACT, "product")
    bound = _accumulate(node, step, 3, _zero(node, 2), _zero(node, 5), total)
    scales = [np.asarray(step.constant(node.inputs[index]), np.float32).reshape(-1) for index in (1, 4, 6)]
    factor = (scales[0] * scales[1] / scales[2]).astype(np.float64)
    exact = Tensor(total.view, total.shape, EXACT, bound)
    out = step.make(node.outputs[0], integer_format(numpy_type(node.outputs[0]))[0])
    _requantise(step, exact, out, factor, int(_zero(node, 7)))
    step.define(node.outputs[0], out)


def _requantise(step: LoweredStep, total: Tensor, out: Tensor, factor: npt.NDArray[np.float64], zero: int) -> None:
    """``saturate(round(total factor) + zero)``. An odd zero point that came first would turn ties the other way."""
    first = out if zero % 2 == 0 else step.scratch(out, Format(INT16, np.ones(())), "rounded")
    step.emit.requantise(total, first.view, factor, zero if first is out else 0)
    if first is not out:
        rounded = Tensor(first.view, first.shape, Format(INT16, np.ones(())), 2.0**15)
        step.emit.scale(rounded, out.view, Format(out.format.dtype, np.ones(())), 1.0, float(zero))


# ---- between integers and real numbers


def _refuse_linear(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    x, out, scale = operand(node, 0), node.outputs[0], operand(node, 1)
    into = node.op_type == "QuantizeLinear"
    integer, real = (out, x) if into else (x, out)
    allowed = WIDE if into else (*WIDE, ir.DataType.INT32)
    if integer.dtype not in allowed:
        return f"{integer.name} is {integer.dtype}, allowed: int8, uint8, int16 and uint16"
    if real.dtype != ir.DataType.FLOAT or scale.dtype != ir.DataType.FLOAT:
        return f"{real.name} is {real.dtype} and its scale {scale.dtype}, allowed: float32"
    if node.attributes.get_int("block_size", 0):
        return "it has scales for blocks"
    if not (constant_of(scale) > 0).all():
        return "it has a scale that is not above 0"
    size = constant_of(scale).size
    rank = len(shape_of(x))
    if size > 1 and node.attributes.get_int("axis", 1) % max(rank, 1) != rank - 1:
        return "it has scales along an axis that is not the last"
    zero = _zero(node, 2)
    if zero.size > 1 and (into or integer.dtype == ir.DataType.INT32):
        return "it has zero points that differ"
    if not into and zero.any() and integer.dtype not in BYTES:
        return f"its zero point is {zero.flat[0]} of {integer.dtype}, allowed: that of the middle"
    return None


def _scale(node: ir.Node) -> npt.NDArray[np.float64]:
    value = operand(node, 1)
    scale = np.asarray(constant_of(value), np.float64).reshape(-1)
    return scale.reshape(()) if scale.size == 1 else scale


@rule("QuantizeLinear", refuse=_refuse_linear, constants=(1, 2))
def quantize_linear(node: ir.Node, step: LoweredStep) -> None:
    """An input arrives as the integers that are wanted; another value is requantised."""
    x, out = operand(node, 0), node.outputs[0]
    form = integer_format(numpy_type(out))[0]
    given = node.inputs[2] if len(node.inputs) > 2 else None
    zero = int(_zero(node, 2)) if given is not None else -integer_format(numpy_type(out))[1]
    if not step.has(x) and step.constant(x) is None:
        brought = step.quantised(x, Format(form.dtype, _scale(node)), zero)
        step.define(out, Tensor(brought.view, step.shape(out), form, brought.bound))
        return
    source, made = step.stored(x), step.make(out, form)
    step.emit.scale(source, made.view, Format(form.dtype, _scale(node), -zero * _scale(node)))
    step.define(out, made)


@rule("DequantizeLinear", refuse=_refuse_linear, constants=(1, 2))
def dequantize_linear(node: ir.Node, step: LoweredStep) -> None:
    """The same integers with another meaning; less a zero point they are int16."""
    x, out = operand(node, 0), node.outputs[0]
    if x.dtype == ir.DataType.INT32:
        real = step.real(x, out)
        form = Format(real.view.dtype, real.format.scale * _scale(node), real.format.offset * _scale(node))
        step.define(out, Tensor(real.view, step.shape(out), form, real.bound))
        return
    source = step.stored(x)
    zero: Any = _operand_zero(node, 0, 2)
    if not zero.any():
        step.define(out, Tensor(source.view, step.shape(out), Format(source.view.dtype, _scale(node)), source.bound))
        return
    whole = Format(INT16, np.ones(()))
    made = step.make(out, whole)
    step.emit.scale(Tensor(source.view, source.shape, integer_format("int8")[0], 128.0), made.view, whole, 1.0, -zero)
    step.define(out, Tensor(made.view, made.shape, Format(INT16, _scale(node)), 384.0))
