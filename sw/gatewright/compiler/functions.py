"""The functions of one real number that an operator may apply to each element, with the places where they bend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from gatewright.compiler.fabric.curves import Function

__all__ = ["CONSTANTS", "FUNCTIONS", "RealFunction", "real_function", "scalar"]

_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True, eq=False)
class RealFunction:
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


def _gelu(node: ir.Node) -> RealFunction:
    tanh = node.attributes.get_string("approximate", "none") == "tanh"
    return RealFunction(_gelu_tanh if tanh else lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2))))


def _elu(node: ir.Node) -> RealFunction:
    alpha = node.attributes.get_float("alpha", 1.0)
    return RealFunction(lambda x: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x))


def _selu(node: ir.Node) -> RealFunction:
    alpha = node.attributes.get_float("alpha", 1.67326319217681884765625)
    gamma = node.attributes.get_float("gamma", 1.05070102214813232421875)
    return RealFunction(lambda x: gamma * np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x))


def _celu(node: ir.Node) -> RealFunction:
    alpha = node.attributes.get_float("alpha", 1.0)
    return RealFunction(lambda x: np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(np.minimum(x, 0) / alpha)))


def _leaky_relu(node: ir.Node) -> RealFunction:
    alpha = node.attributes.get_float("alpha", 0.01)
    return RealFunction(lambda x: np.where(x < 0, alpha * x, x))


def _hard_sigmoid(node: ir.Node) -> RealFunction:
    alpha, beta = node.attributes.get_float("alpha", 0.2), node.attributes.get_float("beta", 0.5)
    kinks = (-beta / alpha, (1 - beta) / alpha) if alpha else ()
    return RealFunction(lambda x: np.clip(alpha * x + beta, 0, 1), kinks)


def _thresholded_relu(node: ir.Node) -> RealFunction:
    alpha = node.attributes.get_float("alpha", 1.0)
    return RealFunction(lambda x: np.where(x > alpha, x, 0), jump=alpha)


def _swish(node: ir.Node) -> RealFunction:
    alpha = node.attributes.get_float("alpha", 1.0)
    return RealFunction(lambda x: x * _sigmoid(alpha * x))


def scalar(node: ir.Node, index: int, default: float) -> float:
    value = node.inputs[index] if index < len(node.inputs) else None
    return default if value is None or value.const_value is None else float(value.const_value.numpy().reshape(-1)[0])


def _clip(node: ir.Node) -> RealFunction:
    low, high = scalar(node, 1, -math.inf), scalar(node, 2, math.inf)
    kinks = [each for each in (low, high) if math.isfinite(each) and each]
    return RealFunction(lambda x: np.minimum(np.maximum(x, low), high), kinks)


def _prelu(node: ir.Node) -> RealFunction:
    slope = scalar(node, 1, 0.0)
    return RealFunction(lambda x: np.where(x < 0, slope * x, x))


def _pow(node: ir.Node) -> RealFunction:
    exponent = scalar(node, 1, 1.0)
    return RealFunction(lambda x: np.power(x, exponent))


def _plain(function: Function, *kinks: float) -> Callable[[ir.Node], RealFunction]:
    shape = RealFunction(function, kinks)
    return lambda _node: shape


FUNCTIONS: dict[str, Callable[[ir.Node], RealFunction]] = {
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


def real_function(node: ir.Node) -> RealFunction:
    """The function that a node applies."""
    return FUNCTIONS[node.op_type](node)
