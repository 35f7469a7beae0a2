"""Matrix products: linear layers with constant weights, and products of two activations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.emitter import gemm_params
from gatewright.compiler.fabric.kernels import Dim, View
from gatewright.compiler.formats import INT8, INT16, INT32, Format, Tensor
from gatewright.compiler.graph_access import operand
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.quantisation.linear_plan import LinearPlan
from gatewright.compiler.quantisation.plan import Plan
from gatewright.spec.config import AcceleratorConfig

__all__: list[str] = []


def _refuse_linear(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    for value in node.inputs[1:]:
        if value is not None and value.const_value is None:
            return f"{value.name} is not constant"
    return None


def _demand_linear(node: ir.Node, plan: Plan) -> dict[int, Format]:
    return {0: plan.linears[node.name or ""].operand}


@rule("Linear", domain=DOMAIN, refuse=_refuse_linear, demand=_demand_linear)
def linear(node: ir.Node, step: LoweredStep) -> None:
    """One GEMM; of a fine layer one with twice the rows, for the high and the low part, and their sum."""
    chosen = step.plan.linears[node.name or ""]
    given = step.constant(node.inputs[2]) if len(node.inputs) > 2 else None
    bias = chosen.bias if given is None else chosen.bias + np.asarray(given, np.float64)
    x = step.take(operand(node, 0), chosen.operand)
    out = step.produce(node.outputs[0])
    if chosen.fine:
        _fine(step, x, chosen, bias, out)
    else:
        product(step, x.view, View.constant(f"{step.emit.node} weight", chosen.weight), chosen.unit, bias, out)


def product(
    step: LoweredStep,
    a: View,
    b: View,
    unit: npt.NDArray[np.float64],
    bias: npt.NDArray[np.float64],
    out: Tensor,
    *,
    b_is_kn: bool = False,
    narrow: bool = False,
) -> None:
    """``out = A B unit + bias``: real units of the accumulator and real bias, [n] each; any inner dimension. ``narrow``
    is the emitter's."""
    longest = step.emit.config.gemm_max_k
    integers = np.clip(np.rint((bias - out.format.offset) / unit), -(2**31) + 2**29, 2**31 - 2**29).astype(np.int64)
    if a.cols <= longest:
        params = View.constant(f"{step.emit.node} params", gemm_params(unit / out.format.scale, integers))
        step.emit.gemm(a, b, out.view, params, b_is_kn=b_is_kn, narrow=narrow)
        return
    _sum(step, _slices(step, a, b, out, b_is_kn=b_is_kn, narrow=narrow), unit, bias, out)


def _slices(
    step: LoweredStep,
    a: View,
    b: View,
    out: Tensor,
    *,
    b_is_kn: bool = False,
    narrow: bool = False,
    weight: float = 1.0,
    largest: float = 128.0 * 128.0,
) -> list[Tensor]:
    """``A B`` in slices of the inner dimension as int32 in units of ``weight``; ``largest`` bounds a mean product."""
    longest, terms = step.emit.config.gemm_max_k, []
    for start in range(0, a.cols, longest):
        k = min(longest, a.cols - start)
        operand = b.part(start, k) if b_is_kn else b.part(0, b.rows, start, k)
        part = View.new(f"{step.emit.node} part", a.rows, out.view.cols, INT32)
        step.emit.gemm(a.part(0, a.rows, start, k), operand, part, None, b_is_kn=b_is_kn, narrow=narrow)
        terms.append(Tensor(part, out.shape, Format(INT32, np.asarray(weight)), k * largest))
    return terms


def _sum(
    step: LoweredStep, terms: list[Tensor], unit: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], out: Tensor
) -> None:
    """``out`` = the sum of ``terms`` (one scale each) times the columns' units plus bias."""
    total = terms[0]
    for term in terms[1:-1]:
        bound = sum(each.bound * float(each.format.scale) for each in (total, term))
        wide = Format(INT32, np.asarray(2.0 ** np.ceil(np.log2(max(bound / (1 << 23), 1.0)))))
        both = View.new(f"{step.emit.node} sum", out.view.rows, out.view.cols, INT32)
        step.emit.add(total, term, both, wide)
        total = Tensor(both, out.shape, wide, bound / float(wide.scale))
    if len(terms) > 1:
        step.emit.add(total, terms[-1], out.view, out.format, factor=unit, bias=bias)
    else:
        real = Tensor(total.view, total.shape, Format(INT32, total.format.scale * unit), total.bound)
        step.emit.scale(real, out.view, out.format, bias=bias)


def _fine(step: LoweredStep, x: Tensor, chosen: LinearPlan, bias: npt.NDArray[np.float64], out: Tensor) -> None:
    """``x = 256 high + low``: both parts are rows of one product, so that the weights are read once, and then added."""
    rows, cols = x.view.rows, x.view.cols
    weight = View.constant(f"{step.emit.node} weight", chosen.weight)
    mean = float(np.abs(chosen.weight.astype(np.float64)).mean(1).max()) * 128
    if isinstance(rows, Dim):
        parts = [View.new(f"{step.emit.node} {name}", rows, cols, INT8) for name in ("high", "low")]
    else:
        both = View.new(f"{step.emit.node} halves", 2 * rows, cols, INT8)
        parts = [both.part(0, rows), both.part(rows, rows)]
    whole = Tensor(x.view, x.shape, Format(INT16, np.ones(())), x.bound)
    high, low = (
        Tensor(view, x.shape, Format(INT8, np.asarray(factor)), 128.0)
        for view, factor in zip(parts, (256.0, 1.0), strict=True)
    )
    step.emit.scale(whole, high.view, high.format)
    step.emit.add(whole, high, low.view, low.format, b_sign=-1)
    if isinstance(rows, Dim):
        terms = [
            term
            for part, factor in ((high, 256.0), (low, 1.0))
            for term in _slices(step, part.view, weight, out, weight=factor, largest=mean)
        ]
    else:
        sums = _slices(step, both, weight, out, largest=mean)
        terms = [
            Tensor(each.view.part(row, rows), each.shape, Format(INT32, np.asarray(factor)), each.bound)
            for row, factor in ((0, 256.0), (rows, 1.0))
            for each in sums
        ]
    _sum(step, terms, chosen.unit, bias, out)
