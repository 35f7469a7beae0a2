"""GELU in all spellings becomes one operator."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.graph_access import graph_of, maker_of
from gatewright.compiler.passes.rewriting import Pass, emit, replace, scalar

__all__ = ["FuseGelu"]

_Floats = npt.NDArray[np.float64]


def _erf(x: _Floats) -> _Floats:
    return np.array([math.erf(each) for each in x.flat]).reshape(x.shape)


_PROBE: _Floats = np.linspace(-6, 6, 49)
_TOLERANCE = 1e-5
_INPUTS = 8  # operators between x and erf or tanh, at most
_OUTPUTS = 4  # operators between erf or tanh and the result, at most


def _tanh_form(x: _Floats) -> _Floats:
    return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


def _erf_form(x: _Floats) -> _Floats:
    return np.asarray(0.5 * x * (1 + _erf(x / math.sqrt(2))))


_FORMS = {"Erf": ("none", _erf_form), "Tanh": ("tanh", _tanh_form)}
_FUNCTIONS: dict[str, Callable[..., _Floats]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "Erf": _erf,
    "Tanh": np.tanh,
}


class FuseGelu(Pass):
    """Before: an expression of one value, around an Erf or Tanh, that is GELU (Hendrycks and Gimpel, 2016), or
    ``Gelu``.

    After: ``gatewright.Gelu(x, approximate)``. An expression is taken for what it computes at probe points, in whatever
    order it multiplies and adds.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        for node in list(model.graph):
            if node.graph is None or node.domain or node.outputs[0].dtype != ir.DataType.FLOAT:
                continue
            if node.op_type == "Gelu":
                _emit(node.inputs[0], node.attributes.get_string("approximate", "none"), node.outputs[0])
                changed = True
            elif node.op_type in _FORMS:
                changed |= _fuse(node)
        return changed


def _fuse(anchor: ir.Node) -> bool:
    approximate, form = _FORMS[anchor.op_type]
    expected = form(_PROBE)
    for result in _below(anchor.outputs[0], _OUTPUTS):
        for x in _above(anchor.inputs[0], _INPUTS):
            values = _evaluate(result, x, _INPUTS + _OUTPUTS)
            if values is not None and np.allclose(values, expected, rtol=0, atol=_TOLERANCE):
                _emit(x, approximate, result)
                return True
    return False


def _emit(x: ir.Value | None, approximate: str | None, result: ir.Value) -> None:
    node = maker_of(result)
    overload = "tanh" if approximate == "tanh" else ""
    attributes = {"approximate": approximate or "none"}
    replace(result, emit("Gelu", [x], node, graph_of(node), attributes=attributes, overload=overload, ours=True))


def _below(value: ir.Value, steps: int) -> Iterator[ir.Value]:
    """Products that follow ``value``, nearest first."""
    for use in value.uses() if steps else ():
        if use.node.domain == "" and use.node.op_type in _FUNCTIONS:
            result = use.node.outputs[0]
            if use.node.op_type in ("Mul", "Div"):
                yield result
            yield from _below(result, steps - 1)


def _above(value: ir.Value | None, steps: int) -> Iterator[ir.Value]:
    """What ``value`` is computed from, nearest first."""
    if value is None or scalar(value) is not None:
        return
    yield value
    node = value.producer()
    if steps and node is not None and node.domain == "" and node.op_type in _FUNCTIONS:
        for each in node.inputs:
            yield from _above(each, steps - 1)


def _evaluate(value: ir.Value | None, x: ir.Value, steps: int) -> _Floats | None:
    """``value`` as a function of ``x`` at the probe points; None if it depends on anything else."""
    if value is x:
        return _PROBE
    constant = scalar(value)
    if constant is not None:
        return np.array(constant)
    node = value.producer() if value is not None else None
    if node is None or not steps or node.domain or node.op_type not in _FUNCTIONS:
        return None
    inputs = [_evaluate(each, x, steps - 1) for each in node.inputs]
    known = [each for each in inputs if each is not None]
    if len(known) < len(inputs):
        return None
    with np.errstate(all="ignore"):
        return np.asarray(_FUNCTIONS[node.op_type](*known))
