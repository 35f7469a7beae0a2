"""Chooses number formats: int16 between operations, int8 where an operand enters the multiplier array.

A linear layer's int8 operand has one scale per column; the column's factor moves into the weights that read it, shared
between both so that a few large columns do not cost the others their precision (G. Xiao et al., "SmoothQuant", 2023).
Where that is still too coarse the operand stays int16 and enters as two int8 matrices, a high and a low part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.calibrate import Observation
from gatewright.compiler.formats import INT8, INT16, Format

__all__ = ["LinearPlan", "Plan", "plan_linear", "quantise"]

HEADROOM = 1.5
"""How far a value may exceed its calibrated range in int16."""

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the columns' differences that move into the weights; the one with the least error is taken."""

FINE_ABOVE = 0.02
"""Relative error of a linear layer's output beyond which its operand goes as a high and a low part."""


@dataclass(frozen=True, eq=False)
class LinearPlan:
    """How a linear layer runs.

    Attributes
    ----------
    operand : the format of its input: int8 per column, or int16 with one scale for a ``fine`` layer.
    weight : int8 [n, k], the columns' factors inside.
    unit : float64 [n], real value of one accumulator unit of each output (of a fine layer: of the low part).
    error : relative root mean square error of the output over the sample.
    """

    operand: Format
    weight: npt.NDArray[np.int8] = field(repr=False)
    unit: npt.NDArray[np.float64] = field(repr=False)
    fine: bool
    error: float


@dataclass(eq=False)
class Plan:
    """Formats of a model's values.

    Attributes
    ----------
    observations : by value name.
    linears : by node name.
    demands : the formats in which readers need a value, by value.
    """

    observations: Mapping[str, Observation]
    linears: dict[str, LinearPlan] = field(default_factory=dict)
    demands: dict[ir.Value, list[Format]] = field(default_factory=dict)
    outputs: set[ir.Value] = field(default_factory=set)

    def largest(self, value: ir.Value) -> float:
        """The largest magnitude that calibration saw, of a constant: that it holds; 1 where nothing is known."""
        if value.const_value is not None:
            return float(np.abs(value.const_value.numpy().astype(np.float64)).max(initial=0.0))
        seen = self.observations.get(value.name or "")
        return seen.largest if seen is not None and seen.largest > 0 else 1.0

    def columns(self, value: ir.Value) -> npt.NDArray[np.float64]:
        """Largest magnitude of each column; no column counts as less than 1 % of the largest."""
        seen = self.observations.get(value.name or "")
        if seen is None:
            return np.asarray(self.largest(value))
        return np.maximum(seen.columns, 0.01 * self.largest(value))

    def wide(self, value: ir.Value) -> Format:
        """int16 with one scale."""
        exact = value.const_value is not None
        return Format.of(INT16, self.largest(value) * (1.0 if exact else HEADROOM))

    def narrow(self, value: ir.Value) -> Format:
        """int8 with one scale."""
        return Format.of(INT8, self.largest(value))

    def formats(self, value: ir.Value) -> list[Format]:
        """The distinct formats that readers want; int16 for those who take any."""
        found: list[Format] = []
        for form in self.demands.get(value, []):
            if not any(form.same(other) for other in found):
                found.append(form)
        return found


def plan_linear(
    weight: npt.NDArray[np.floating[Any]],
    seen: Observation | None,
    largest: float,
) -> LinearPlan:
    """The plan of ``y = x W^T`` with ``weight`` [n, k] for inputs as ``seen`` (or within ``largest``)."""
    real = np.asarray(weight, np.float64)
    best: LinearPlan | None = None
    columns = np.full(real.shape[1], largest) if seen is None else np.maximum(seen.columns, 1e-4 * seen.largest)
    columns = np.where(columns > 0, columns, 1.0)
    heights = np.maximum(np.abs(real).max(0), 1e-6 * np.abs(real).max(initial=1e-30))
    sample = np.zeros((0, real.shape[1])) if seen is None else seen.sample.astype(np.float64)
    expected = sample @ real.T
    for strength in STRENGTHS if len(sample) else (0.0,):
        factor = columns**strength / heights ** (1 - strength) if strength else np.ones_like(columns)
        step = factor * (columns / factor).max() / 127
        form = Format(INT8, step)
        scaled = real * step
        unit = np.maximum(np.abs(scaled).max(1), 1e-30) / 127
        quantised = np.rint(scaled / unit[:, None]).astype(np.int8)
        error = _error(form.quantise(sample).astype(np.float64) @ quantised.T * unit, expected)
        if best is None or error < best.error:
            best = LinearPlan(form, quantised, unit, False, error)
    assert best is not None
    if best.error <= FINE_ABOVE:
        return best
    form = Format.of(INT16, (largest if seen is None else seen.largest) * HEADROOM)
    unit = np.maximum(np.abs(real).max(1), 1e-30) / 127
    quantised = np.rint(real / unit[:, None]).astype(np.int8)
    steps = unit * float(form.scale)
    error = _error(form.quantise(sample).astype(np.float64) @ quantised.T * steps, expected)
    return LinearPlan(form, quantised, steps, True, error) if error < 0.7 * best.error else best


def _error(found: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> float:
    if not expected.size:
        return 0.0
    return float(np.sqrt(np.square(found - expected).mean() / max(np.square(expected).mean(), 1e-30)))


def quantise(model: ir.Model, on_fabric: set[ir.Node], observations: Mapping[str, Observation]) -> Plan:
    """The plan of a canonical model whose nodes ``on_fabric`` run on the accelerator."""
    from gatewright.compiler.lower.rules import rule_of

    plan = Plan(observations)
    for node in model.graph:
        if node in on_fabric and (node.domain, node.op_type) == ("gatewright", "Linear"):
            x, weight = node.inputs[0], node.inputs[1]
            assert x is not None and weight is not None and weight.const_value is not None
            plan.linears[node.name or ""] = plan_linear(
                weight.const_value.numpy(), observations.get(x.name or ""), plan.largest(x)
            )
    for node in model.graph:
        rule = rule_of(node) if node in on_fabric else None
        wanted = rule.demand(node, plan) if rule is not None else {}
        for index, value in enumerate(node.inputs):
            if value is not None:
                plan.demands.setdefault(value, []).append(wanted.get(index) or plan.wide(value))
    for value in model.graph.outputs:
        plan.demands.setdefault(value, []).append(plan.wide(value))
    return plan
