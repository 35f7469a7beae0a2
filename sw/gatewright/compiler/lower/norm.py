"""Layer norm and RMS norm: of rows one command; over several trailing axes the rows are joined first."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.formats import Format, Tensor
from gatewright.compiler.lower.context import Context
from gatewright.compiler.lower.functions import only_real
from gatewright.compiler.lower.move import arrange, elements, movable
from gatewright.compiler.lower.rules import DOMAIN, rule
from gatewright.spec.config import AcceleratorConfig

__all__: list[str] = []


def _width(node: ir.Node) -> int:
    """Elements that one mean is taken over."""
    x = node.inputs[0]
    assert x is not None and x.shape is not None
    axis = _axis(node)
    return math.prod(int(size) for size in list(x.shape)[axis:])  # type: ignore[arg-type]


def _axis(node: ir.Node) -> int:
    x = node.inputs[0]
    assert x is not None and x.shape is not None
    return node.attributes.get_int("axis", -1) % len(x.shape)


def _refuse(node: ir.Node, config: AcceleratorConfig) -> str | None:
    reason = only_real(node)
    if reason is not None:
        return reason
    x = node.inputs[0]
    assert x is not None and x.shape is not None
    if any(out.uses() or out.is_graph_output() for out in node.outputs[1:]):
        return "its mean or deviation is used"
    last = _axis(node) == len(x.shape) - 1
    if not x.shape.is_static() and not last:
        return f"{x.name} has a dynamic size"
    width = _width(node)
    if width > config.max_columns:
        return f"a row has {width} columns, allowed at most {config.max_columns}"
    for value in node.inputs[1:]:
        if value is not None and value.const_value is not None and value.const_value.size not in (1, width):
            return f"{value.name} has {value.const_value.size} elements, allowed: {width}"
    shape = tuple(int(size) for size in x.shape) if not last else ()  # type: ignore[arg-type]
    if not last and not movable([elements(shape).reshape(-1, width)], [shape], 2, config):
        return f"rows of {shape[-1]} elements cannot be joined to rows of {width}"
    return None


def _vector(context: Context, node: ir.Node, index: int, default: float) -> npt.NDArray[np.float64]:
    """A gain or bias: [] or [columns]."""
    given = context.constant(node.inputs[index]) if len(node.inputs) > index else None
    values = np.asarray(default if given is None else given, np.float64).reshape(-1)
    return values.reshape(()) if values.size == 1 else values


def _lower(node: ir.Node, context: Context) -> None:
    x = node.inputs[0]
    assert x is not None
    centre = node.op_type in ("LayerNorm", "LayerNormalization")
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    gain = _vector(context, node, 1, 1.0)
    bias = _vector(context, node, 2, 0.0) if centre else np.zeros(())
    if _axis(node) == len(context.shape(x)) - 1:
        out = context.produce(node.outputs[0])
        context.norm(context.narrow(x), out.view, out.format, gain, bias, epsilon, centre=centre)
        return
    shape = tuple(int(size) for size in context.shape(x))
    wide = context.plan.wide(node.outputs[0])
    rows = arrange(context, [(x, elements(shape).reshape(-1, _width(node)))], context.plan.wide(x))
    made = context.blank((rows.view.rows, rows.view.cols), wide, "rows")  # type: ignore[arg-type]
    context.norm(rows, made.view, wide, gain, bias, epsilon, centre=centre)
    context.define(node.outputs[0], _apart(context, made, shape, wide))


def _apart(context: Context, rows: Tensor, shape: tuple[int, ...], form: Format) -> Tensor:
    """The joined rows as a value of the given shape again."""
    joined = ir.Value(name=f"{context.node} rows", shape=ir.Shape(rows.shape), type=ir.TensorType(ir.DataType.FLOAT))
    context.define(joined, rows)
    return arrange(context, [(joined, elements(shape))], form)


rule("LayerNorm", domain=DOMAIN, refuse=_refuse, constants=(1, 2))(_lower)
rule("RmsNorm", domain=DOMAIN, refuse=_refuse, constants=(1,))(_lower)
rule("LayerNormalization", refuse=_refuse, constants=(1, 2))(_lower)
rule("RMSNormalization", refuse=_refuse, constants=(1,))(_lower)
