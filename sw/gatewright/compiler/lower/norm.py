"""Layer norm and RMS norm: of rows one command; over several trailing axes the rows are joined first. Batch norm."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.kernels import most
from gatewright.compiler.fabric.positions import elements, movable
from gatewright.compiler.formats import INT16, Format, Tensor
from gatewright.compiler.functions import RealFunction
from gatewright.compiler.graph_access import operand, shape_of, static_shape
from gatewright.compiler.lower.broadcast import Sum, join
from gatewright.compiler.lower.elementwise import literal
from gatewright.compiler.lower.functions import curve_into, limit_of, only_real
from gatewright.compiler.lower.move import arrange
from gatewright.compiler.lower.reduce import add_up
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.quantisation.headroom import HEADROOM
from gatewright.spec.config import AcceleratorConfig

__all__: list[str] = []


def _width(node: ir.Node) -> int:
    """Elements that one mean is taken over."""
    x = operand(node, 0)
    axis = _axis(node)
    return math.prod(static_shape(x)[axis:])


def _axis(node: ir.Node) -> int:
    x = operand(node, 0)
    return node.attributes.get_int("axis", -1) % len(shape_of(x))


def _refuse(node: ir.Node, config: AcceleratorConfig) -> str | None:
    reason = only_real(node)
    if reason is not None:
        return reason
    x = operand(node, 0)
    if _has_statistics(node) and (not shape_of(x).is_static() or _width(node) > config.gemm_max_k):
        return f"its mean or deviation is used, and {x.name} has a dynamic size or rows longer than {config.gemm_max_k}"
    last = _axis(node) == len(shape_of(x)) - 1
    if not shape_of(x).is_static() and not last:
        return f"{x.name} has a dynamic size"
    width = _width(node)
    if width > config.max_columns:
        return f"a row has {width} columns, allowed at most {config.max_columns}"
    for value in node.inputs[1:]:
        if value is not None and value.const_value is not None and value.const_value.size not in (1, width):
            return f"{value.name} has {value.const_value.size} elements, allowed: {width}"
    shape = static_shape(x) if not last else ()
    if not last and not movable([elements(shape).reshape(-1, width)], [shape], 2, config):
        return f"rows of {shape[-1]} elements cannot be joined to rows of {width}"
    return None


def _vector(step: LoweredStep, node: ir.Node, index: int, default: float) -> npt.NDArray[np.float64]:
    """A gain or bias: [] or [columns]."""
    given = step.constant(node.inputs[index]) if len(node.inputs) > index else None
    values = np.asarray(default if given is None else given, np.float64).reshape(-1)
    return values.reshape(()) if values.size == 1 else values


def _lower(node: ir.Node, step: LoweredStep) -> None:
    x = operand(node, 0)
    centre = node.op_type in ("LayerNorm", "LayerNormalization")
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    gain = _vector(step, node, 1, 1.0)
    bias = _vector(step, node, 2, 0.0) if centre else np.zeros(())
    shape = step.shape(x)
    if _axis(node) == len(shape) - 1:
        rows, out = step.narrow(x), step.produce(node.outputs[0])
        step.emit.norm(rows, out.view, out.format, gain, bias, epsilon, centre=centre)
    else:
        static = tuple(int(size) for size in shape)
        wide = step.plan.wide(node.outputs[0])
        rows = arrange(step, [(x, elements(static).reshape(-1, _width(node)))], step.plan.wide(x))
        made = step.blank((most(rows.view.rows), rows.view.cols), wide, "rows")
        step.emit.norm(rows, made.view, wide, gain, bias, epsilon, centre=centre)
        step.define(node.outputs[0], _apart(step, made, static, wide))
    if _has_statistics(node):
        _statistics(node, step, rows, epsilon)


def _has_statistics(node: ir.Node) -> bool:
    return any(out.uses() or out.is_graph_output() for out in node.outputs[1:])


def _statistics(node: ir.Node, step: LoweredStep, rows: Tensor, epsilon: float) -> None:
    """The second and third output of LayerNormalization: the mean of each row, and 1 / its deviation."""
    mean = step.produce(node.outputs[1])
    add_up(step, rows, mean, 1 / rows.view.cols)
    if len(node.outputs) < 3:
        return
    inverse = node.outputs[2]
    column = Tensor(mean.view, (*rows.shape[:-1], 1), mean.format, mean.bound)
    centred = step.scratch(rows, Format(INT16, rows.format.scale * 2), "centred")
    step.emit.add(rows, column, centred.view, centred.format, b_column=rows.view.cols > 1, b_sign=-1)
    largest = step.plan.largest(operand(node, 0))
    squares = step.scratch(rows, Format.of(INT16, (2 * largest) ** 2), "squares")
    step.emit.multiply(centred, centred, squares.view, squares.format)
    seen = step.plan.observations.get(inverse.name or "")
    sample = np.ones(1) if seen is None else 1 / np.square(seen.sample.astype(np.float64).reshape(-1))
    variance = step.scratch(mean, Format.of(INT16, HEADROOM * float(sample.max())), "variance")
    add_up(step, squares, variance, 1 / rows.view.cols)
    out = step.produce(inverse)
    curve_into(step, variance, out, sample, RealFunction(lambda v: 1 / np.sqrt(np.maximum(v, 0) + epsilon)))


def _apart(step: LoweredStep, rows: Tensor, shape: tuple[int, ...], form: Format) -> Tensor:
    """The joined rows as a value of the given shape again."""
    joined = ir.Value(name=f"{step.emit.node} rows", shape=ir.Shape(rows.shape), type=ir.TensorType(ir.DataType.FLOAT))
    step.define(joined, rows)
    return arrange(step, [(joined, elements(shape))], form)


rule("LayerNorm", domain=DOMAIN, refuse=_refuse, constants=(1, 2))(_lower)
rule("RmsNorm", domain=DOMAIN, refuse=_refuse, constants=(1,))(_lower)
rule("LayerNormalization", refuse=_refuse, constants=(1, 2))(_lower)
rule("RMSNormalization", refuse=_refuse, constants=(1,))(_lower)


# ---- batch norm, with the statistics that training has left


def _refuse_batch(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    x = operand(node, 0)
    if node.attributes.get_int("training_mode", 0) or len(node.outputs) > 1:
        return "it is in training mode"
    if len(shape_of(x)) < 2 or (len(shape_of(x)) > 2 and not shape_of(x).is_static()):
        return f"{x.name} is {shape_of(x)}, allowed: a batch and channels; more dimensions of static sizes"
    return only_real(node)


@rule("BatchNormalization", refuse=_refuse_batch, constants=(1, 2, 3, 4))
def batch_norm(node: ir.Node, step: LoweredStep) -> None:
    """``x factor + bias`` with both for each channel, the second dimension: columns, or else rows."""
    x, result = operand(node, 0), node.outputs[0]
    scale, shift, mean, variance = (_vector(step, node, index, 0.0) for index in (1, 2, 3, 4))
    factor = scale / np.sqrt(variance + node.attributes.get_float("epsilon", 1e-5))
    bias = shift - mean * factor
    if len(step.shape(x)) == 2:
        source, out = step.stored(x), step.produce(result)
        step.emit.scale(source, out.view, out.format, factor, bias)
        return
    out = step.produce(result)
    channel = np.ones((*static_shape(x)[1:-1], 1))
    wide = (np.reshape(np.atleast_1d(each), (-1,) + (1,) * (channel.ndim - 1)) * channel for each in (factor, bias))
    factors, biases = (literal(step, each, Format.of(INT16, np.abs(each).max())) for each in wide)
    product = step.scratch(out, _reach(out.format, biases.format), "product")
    join(step, None, step.uniform(x), factors, product)
    join(step, Sum(), product, biases, out)


def _reach(out: Format, bias: Format) -> Format:
    """int16 for what gives ``out`` when a bias is added to it."""
    return Format.of(INT16, limit_of(out) + limit_of(bias))
