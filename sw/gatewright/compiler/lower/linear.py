"""Matrix products: linear layers with constant weights, and products of two activations."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from gatewright.compiler.formats import INT8, INT16, INT32, Format, Tensor
from gatewright.compiler.kernels import View
from gatewright.compiler.lower.context import Context
from gatewright.compiler.lower.emit import gemm_params
from gatewright.compiler.lower.rules import DOMAIN, rule
from gatewright.compiler.linear_plan import LinearPlan
from gatewright.compiler.quantise import Plan
from gatewright.spec.config import AcceleratorConfig

__all__: list[str] = []


def _refuse_linear(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    for operand in node.inputs[1:]:
        if operand is not None and operand.const_value is None:
            return f"{operand.name} is not constant"
    return None


def _demand_linear(node: ir.Node, plan: Plan) -> dict[int, Format]:
    return {0: plan.linears[node.name or ""].operand}


@rule("Linear", domain=DOMAIN, refuse=_refuse_linear, demand=_demand_linear)
def linear(node: ir.Node, context: Context) -> None:
    """One GEMM; of a fine layer two, of the high and of the low part, and their sum."""
    chosen = context.plan.linears[node.name or ""]
    operand, given = node.inputs[0], context.constant(node.inputs[2]) if len(node.inputs) > 2 else None
    assert operand is not None
    bias = chosen.bias if given is None else chosen.bias + np.asarray(given, np.float64)
    x = context.take(operand, chosen.operand)
    out = context.produce(node.outputs[0])
    if chosen.fine:
        _fine(context, x, chosen, bias, out)
    else:
        product(context, x.view, View.constant(f"{context.node} weight", chosen.weight), chosen.unit, bias, out)


def product(
    context: Context,
    a: View,
    b: View,
    unit: np.ndarray,
    bias: np.ndarray,
    out: Tensor,
    *,
    b_is_kn: bool = False,
) -> None:
    """``out = A B unit + bias``: real units of the accumulator and real bias, [n] each; any inner dimension."""
    most = context.config.gemm_max_k
    integers = np.clip(np.rint((bias - out.format.offset) / unit), -(2**31) + 2**29, 2**31 - 2**29).astype(np.int64)
    if a.cols <= most:
        params = View.constant(f"{context.node} params", gemm_params(unit / out.format.scale, integers))
        context.gemm(a, b, out.view, params, b_is_kn=b_is_kn)
        return
    # A long inner dimension runs in slices with int32 results; the sums get the columns' scales at the end.
    total: Tensor | None = None
    exact = Format(INT32, np.asarray(1.0))
    starts = list(range(0, a.cols, most))
    for start in starts:
        k = min(most, a.cols - start)
        rows = b.part(start, k) if b_is_kn else b.part(0, b.rows, start, k)
        part = View.new(f"{context.node} part", out.view.rows, out.view.cols, INT32)
        context.gemm(a.part(0, a.rows, start, k), rows, part, None, b_is_kn=b_is_kn)
        tensor = Tensor(part, out.shape, exact, float(k << 14))
        if total is None:
            total = tensor
            continue
        both = View.new(f"{context.node} sum", out.view.rows, out.view.cols, INT32)
        bound = total.bound + tensor.bound
        coarse = max(bound / (1 << 23), 1.0)
        step = Format(INT32, np.asarray(2.0 ** np.ceil(np.log2(coarse))))
        context.add(total, tensor, both, step)
        total = Tensor(both, out.shape, step, bound / float(step.scale))
    assert total is not None
    real = Tensor(total.view, total.shape, Format(INT32, total.format.scale * unit), total.bound)
    context.scale(real, out.view, out.format, bias=bias)


def _fine(context: Context, x: Tensor, chosen: LinearPlan, bias: np.ndarray, out: Tensor) -> None:
    """``x = 256 high + low``: both products in int16, joined by the vector engine."""
    rows, cols = x.view.rows, x.view.cols
    weight = View.constant(f"{context.node} weight", chosen.weight)
    coarse = Format(INT8, x.format.scale * 256)
    high = Tensor(View.new(f"{context.node} high", rows, cols, INT8), x.shape, coarse, 128.0)
    low = Tensor(View.new(f"{context.node} low", rows, cols, INT8), x.shape, Format(INT8, x.format.scale), 128.0)
    context.scale(x, high.view, coarse)
    context.add(x, high, low.view, low.format, b_sign=-1)
    worst = float((np.abs(chosen.weight.astype(np.float64)).sum(1) * chosen.unit).max()) * 128
    most = float(np.max(out.format.scale)) * np.iinfo(out.view.dtype).max  # beyond that the sum saturates anyway
    wide = Format.of(INT16, min(worst * 256, 1.25 * most))
    upper = Tensor(View.new(f"{context.node} upper", rows, out.view.cols, INT16), out.shape, wide, 2.0**15)
    product(context, high.view, weight, chosen.unit * 256, bias, upper)
    tail = Format.of(INT16, worst)
    lower = Tensor(View.new(f"{context.node} lower", rows, out.view.cols, INT16), out.shape, tail, 2.0**15)
    product(context, low.view, weight, chosen.unit, np.zeros_like(bias), lower)
    context.add(upper, lower, out.view, out.format)
