"""Functions of one real number, by table. Where a function bends too much for 512 pieces, as near a pole, it is the
sum of several curves, each for the part of the operand that is 16 times nearer to zero.

    f(x) = [f(x) - f(x within 1/16)] + f(x within 1/16)          x within 1/16: clipped to that part of the range
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.curves import Curve
from gatewright.compiler.formats import INT8, INT16, Format, Tensor
from gatewright.compiler.functions import CONSTANTS, FUNCTIONS, RealFunction, real_function, scalar
from gatewright.compiler.graph_access import operand
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.quantisation.observation import MASKED
from gatewright.spec.config import AcceleratorConfig

__all__ = ["apply", "curve_into", "limit_of", "only_real"]

ZOOMS = ((1,), (1, 16), (1, 16, 256))
"""Parts of the range for which a function may have curves of their own."""

GOOD_ENOUGH = 1.0
"""Mean error, in steps of the result, from which on more curves are tried."""

GAIN = 0.5
"""By how much more curves must lessen the error to be taken."""


def only_real(node: ir.Node) -> str | None:
    """Why a node cannot run where an operand or result is no real number, or None."""
    for value in (*node.inputs, *node.outputs):
        if value is not None and (value.dtype is None or not value.dtype.is_floating_point()):
            return f"{value.name} is {value.dtype}, allowed: real numbers"
    return None


def _refuse(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    x = operand(node, 0)
    if x.dtype is None or not x.dtype.is_floating_point():
        return f"{x.name} is {x.dtype}, allowed: real numbers"
    for index in CONSTANTS.get(node.op_type, ()):
        value = node.inputs[index] if index < len(node.inputs) else None
        if value is not None and value.const_value is not None and value.const_value.size != 1:
            return f"{value.name} has {value.const_value.size} elements, allowed: 1"
    return None


def limit_of(out: Format) -> float:
    """The largest magnitude that a format holds."""
    return float((np.abs(out.offset) + out.scale * np.iinfo(out.dtype).max).max())


def apply(step: LoweredStep, x: ir.Value, out_value: ir.Value, shape: RealFunction) -> None:
    """Make ``out_value`` a function of ``x``."""
    a = step.narrow(x)
    curve_into(step, a, step.produce(out_value), _sample(step, x), shape)


def curve_into(step: LoweredStep, a: Tensor, out: Tensor, sample: npt.NDArray[np.float64], shape: RealFunction) -> None:
    """``out = f(a)``; ``sample`` says of which operands the result must be good."""
    curves = _curves(a, limit_of(out.format), sample, float(out.format.scale.min()), shape)
    if len(curves) == 1:
        step.emit.table(a, out.view, out.format, curves[0])
        return
    total: Tensor | None = None
    for index, curve in enumerate(curves):
        form = Format(INT16, np.asarray(curve.scale))
        part = step.scratch(out, form, "part")
        step.emit.table(a, part.view, form, curve)
        if total is None:
            total = part
            continue
        last = index == len(curves) - 1
        both = out if last else step.scratch(out, _wider(total.format, form), "sum")
        step.emit.add(total, part, both.view, both.format)
        total = both


def _wider(a: Format, b: Format) -> Format:
    return Format(INT16, a.scale + b.scale)


def _sample(step: LoweredStep, x: ir.Value) -> npt.NDArray[np.float64]:
    seen = step.plan.observations.get(x.name or "")
    sample = np.zeros(0) if seen is None else seen.sample.astype(np.float64).reshape(-1)
    return sample[np.abs(sample) < MASKED]


def _curves(
    a: Tensor, limit: float, sample: npt.NDArray[np.float64], resolution: float, shape: RealFunction
) -> list[Curve]:
    """The curves whose sum is the function: one, unless the sample says that more are much better."""
    unit = float(a.format.scale)
    best: list[Curve] | None = None
    least = math.inf
    with np.errstate(all="ignore"):
        wanted = np.clip(np.nan_to_num(np.asarray(shape.function(sample), np.float64)), -limit, limit)
    for zooms in ZOOMS:
        curves = _parts(unit, a.bound, limit, zooms, shape)
        found = sum((curve(sample) for curve in curves), np.zeros(len(sample)))
        error = float(np.sqrt(np.square(found - wanted).mean())) if len(sample) else 0.0
        if best is None or error < GAIN * least:
            best, least = curves, error
        if least <= GOOD_ENOUGH * resolution or a.view.dtype == INT8 or shape.kinks or shape.jump is not None:
            break
    assert best is not None
    return best


def _parts(unit: float, bound: float, limit: float, zooms: Sequence[int], shape: RealFunction) -> list[Curve]:
    def inside(zoom: int, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        edge = unit * 2.0**15 / zoom
        with np.errstate(all="ignore"):
            values = np.asarray(shape.function(np.clip(x, -edge, edge) if zoom > 1 else x), np.float64)
        return np.clip(np.nan_to_num(values, nan=0.0, posinf=limit, neginf=-limit), -limit, limit)

    found = []
    for zoom, inner in zip(zooms, (*zooms[1:], None), strict=True):

        def part(x: npt.NDArray[np.float64], zoom: int = zoom, inner: int | None = inner) -> npt.NDArray[np.float64]:
            return inside(zoom, x) - (inside(inner, x) if inner is not None else 0)

        top = limit if inner is None else 2 * limit
        found.append(Curve.of(part, unit, bound, top, zoom=zoom, kinks=shape.kinks, jump=shape.jump))
    return found


def _lower(node: ir.Node, step: LoweredStep) -> None:
    x = operand(node, 0)
    apply(step, x, node.outputs[0], real_function(node))


for _operator in FUNCTIONS:
    if _operator != "Pow":
        rule(_operator, refuse=_refuse, constants=CONSTANTS.get(_operator, ()))(_lower)
rule("Gelu", domain=DOMAIN, refuse=_refuse)(_lower)


@rule("Pow", refuse=_refuse, constants=(1,))
def power(node: ir.Node, step: LoweredStep) -> None:
    """A square is a product, anything else a curve."""
    x = operand(node, 0)
    if scalar(node, 1, 1.0) == 2.0:
        a, out = step.narrow(x), step.produce(node.outputs[0])
        step.emit.multiply(a, a, out.view, out.format)
    else:
        apply(step, x, node.outputs[0], real_function(node))
