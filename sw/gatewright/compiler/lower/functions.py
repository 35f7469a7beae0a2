"""Functions of one real number, by table. Where a function bends too much for 512 pieces, as near a pole, it is the
sum of several curves, each for the part of the operand that is 16 times nearer to zero.

    f(x) = [f(x) - f(x within 1/16)] + f(x within 1/16)          x within 1/16: clipped to that part of the range
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.curves import Curve, Function
from gatewright.compiler.formats import INT8, INT16, Format, Tensor
from gatewright.compiler.lower.rules import DOMAIN, rule
from gatewright.compiler.lower.step import Context
from gatewright.compiler.quantisation.calibrate import MASKED
from gatewright.spec.config import AcceleratorConfig

__all__ = ["Shape", "apply", "curve_into", "limit_of", "only_real", "shape_of"]

ZOOMS = ((1,), (1, 16), (1, 16, 256))
"""Parts of the range for which a function may have curves of their own."""

GOOD_ENOUGH = 1.0
"""Mean error, in steps of the result, from which on more curves are tried."""

GAIN = 0.5
"""By how much more curves must lessen the error to be taken."""

_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True, eq=False)
class Shape:
    """A function (float64 arrays) with the places where its slope or its value changes."""

    function: Function
    kinks: Sequence[float] = ()
    jump: float | None = None


def _sigmoid(x: Any) -> Any:
    return 0.5 * (1 + np.tanh(x / 2))


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, 0)


def _gelu_tanh(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _gelu(node: ir.Node) -> Shape:
    tanh = node.attributes.get_string("approximate", "none") == "tanh"
    return Shape(_gelu_tanh if tanh else lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2))))


def _elu(node: ir.Node) -> Shape:
    alpha = node.attributes.get_float("alpha", 1.0)
    return Shape(lambda x: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x))


def _selu(node: ir.Node) -> Shape:
    alpha = node.attributes.get_float("alpha", 1.67326319217681884765625)
    gamma = node.attributes.get_float("gamma", 1.05070102214813232421875)
    return Shape(lambda x: gamma * np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x))


def _celu(node: ir.Node) -> Shape:
    alpha = node.attributes.get_float("alpha", 1.0)
    return Shape(lambda x: np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(np.minimum(x, 0) / alpha)))


def _leaky_relu(node: ir.Node) -> Shape:
    alpha = node.attributes.get_float("alpha", 0.01)
    return Shape(lambda x: np.where(x < 0, alpha * x, x))


def _hard_sigmoid(node: ir.Node) -> Shape:
    alpha, beta = node.attributes.get_float("alpha", 0.2), node.attributes.get_float("beta", 0.5)
    kinks = (-beta / alpha, (1 - beta) / alpha) if alpha else ()
    return Shape(lambda x: np.clip(alpha * x + beta, 0, 1), kinks)


def _thresholded_relu(node: ir.Node) -> Shape:
    alpha = node.attributes.get_float("alpha", 1.0)
    return Shape(lambda x: np.where(x > alpha, x, 0), jump=alpha)


def _swish(node: ir.Node) -> Shape:
    alpha = node.attributes.get_float("alpha", 1.0)
    return Shape(lambda x: x * _sigmoid(alpha * x))


def _scalar(node: ir.Node, index: int, default: float) -> float:
    value = node.inputs[index] if index < len(node.inputs) else None
    return default if value is None or value.const_value is None else float(value.const_value.numpy().reshape(-1)[0])


def _clip(node: ir.Node) -> Shape:
    low, high = _scalar(node, 1, -math.inf), _scalar(node, 2, math.inf)
    kinks = [each for each in (low, high) if math.isfinite(each) and each]
    return Shape(lambda x: np.minimum(np.maximum(x, low), high), kinks)


def _prelu(node: ir.Node) -> Shape:
    slope = _scalar(node, 1, 0.0)
    return Shape(lambda x: np.where(x < 0, slope * x, x))


def _pow(node: ir.Node) -> Shape:
    exponent = _scalar(node, 1, 1.0)
    return Shape(lambda x: np.power(x, exponent))


def _plain(function: Function, *kinks: float) -> Callable[[ir.Node], Shape]:
    shape = Shape(function, kinks)
    return lambda _node: shape


FUNCTIONS: dict[str, Callable[[ir.Node], Shape]] = {
    "Relu": _plain(lambda x: np.maximum(x, 0)),
    "Tanh": _plain(np.tanh),
    "Sigmoid": _plain(_sigmoid),
    "Erf": _plain(_erf),
    "Exp": _plain(np.exp),
    "Sqrt": _plain(lambda x: np.sqrt(np.maximum(x, 0))),
    "Abs": _plain(np.abs),
    "Neg": _plain(np.negative),
    "Log": _plain(lambda x: np.log(np.maximum(x, 0))),
    "Reciprocal": _plain(np.reciprocal),
    "Sin": _plain(np.sin),
    "Cos": _plain(np.cos),
    "Softplus": _plain(_softplus),
    "Softsign": _plain(lambda x: x / (1 + np.abs(x))),
    "HardSwish": _plain(lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -3.0, 3.0),
    "Mish": _plain(lambda x: x * np.tanh(_softplus(x))),
    "Gelu": _gelu,
    "Elu": _elu,
    "Selu": _selu,
    "Celu": _celu,
    "LeakyRelu": _leaky_relu,
    "HardSigmoid": _hard_sigmoid,
    "ThresholdedRelu": _thresholded_relu,
    "Swish": _swish,
    "Clip": _clip,
    "PRelu": _prelu,
    "Pow": _pow,
}
"""The function of a node. Kinks at zero need no mention: zero is a point of every table."""

CONSTANTS = {"Clip": (1, 2), "PRelu": (1,), "Pow": (1,)}


def shape_of(node: ir.Node) -> Shape:
    """The function that a node applies."""
    return FUNCTIONS[node.op_type](node)


def only_real(node: ir.Node) -> str | None:
    """Why a node cannot run where an operand or result is no real number, or None."""
    for value in (*node.inputs, *node.outputs):
        if value is not None and (value.dtype is None or not value.dtype.is_floating_point()):
            return f"{value.name} is {value.dtype}, allowed: real numbers"
    return None


def _refuse(node: ir.Node, _config: AcceleratorConfig) -> str | None:
    x = node.inputs[0]
    assert x is not None
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


def apply(context: Context, x: ir.Value, out_value: ir.Value, shape: Shape) -> None:
    """Make ``out_value`` a function of ``x``."""
    a = context.narrow(x)
    curve_into(context, a, context.produce(out_value), _sample(context, x), shape)


def curve_into(context: Context, a: Tensor, out: Tensor, sample: npt.NDArray[np.float64], shape: Shape) -> None:
    """``out = f(a)``; ``sample`` says of which operands the result must be good."""
    curves = _curves(a, limit_of(out.format), sample, float(out.format.scale.min()), shape)
    if len(curves) == 1:
        context.table(a, out.view, out.format, curves[0])
        return
    total: Tensor | None = None
    for index, curve in enumerate(curves):
        form = Format(INT16, np.asarray(curve.scale))
        part = context.scratch(out, form, "part")
        context.table(a, part.view, form, curve)
        if total is None:
            total = part
            continue
        last = index == len(curves) - 1
        both = out if last else context.scratch(out, _wider(total.format, form), "sum")
        context.add(total, part, both.view, both.format)
        total = both


def _wider(a: Format, b: Format) -> Format:
    return Format(INT16, a.scale + b.scale)


def _sample(context: Context, x: ir.Value) -> np.ndarray:
    seen = context.plan.observations.get(x.name or "")
    sample = np.zeros(0) if seen is None else seen.sample.astype(np.float64).reshape(-1)
    return sample[np.abs(sample) < MASKED]


def _curves(a: Tensor, limit: float, sample: np.ndarray, step: float, shape: Shape) -> list[Curve]:
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
        if least <= GOOD_ENOUGH * step or a.view.dtype == INT8 or shape.kinks or shape.jump is not None:
            break
    assert best is not None
    return best


def _parts(unit: float, bound: float, limit: float, zooms: Sequence[int], shape: Shape) -> list[Curve]:
    def inside(zoom: int, x: np.ndarray) -> np.ndarray:
        edge = unit * 2.0**15 / zoom
        with np.errstate(all="ignore"):
            values = np.asarray(shape.function(np.clip(x, -edge, edge) if zoom > 1 else x), np.float64)
        return np.clip(np.nan_to_num(values, nan=0.0, posinf=limit, neginf=-limit), -limit, limit)

    found = []
    for zoom, inner in zip(zooms, (*zooms[1:], None), strict=True):

        def part(x: np.ndarray, zoom: int = zoom, inner: int | None = inner) -> np.ndarray:
            return inside(zoom, x) - (inside(inner, x) if inner is not None else 0)

        top = limit if inner is None else 2 * limit
        found.append(Curve.of(part, unit, bound, top, zoom=zoom, kinks=shape.kinks, jump=shape.jump))
    return found


def _lower(node: ir.Node, context: Context) -> None:
    x = node.inputs[0]
    assert x is not None
    apply(context, x, node.outputs[0], shape_of(node))


for _operator in FUNCTIONS:
    if _operator != "Pow":
        rule(_operator, refuse=_refuse, constants=CONSTANTS.get(_operator, ()))(_lower)
rule("Gelu", domain=DOMAIN, refuse=_refuse)(_lower)


@rule("Pow", refuse=_refuse, constants=(1,))
def power(node: ir.Node, context: Context) -> None:
    """A square is a product, anything else a curve."""
    x = node.inputs[0]
    assert x is not None
    if _scalar(node, 1, 1.0) == 2.0:
        a, out = context.narrow(x), context.produce(node.outputs[0])
        context.multiply(a, a, out.view, out.format)
    else:
        apply(context, x, node.outputs[0], shape_of(node))
