"""Chooses number formats: int16 between operations, int8 where an operand enters the multiplier array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.formats import INT8, INT16, Format, integer_format
from gatewright.compiler.passes.quantised import QUANTISED
from gatewright.compiler.quantisation.calibrate import Observation
from gatewright.compiler.quantisation.linear_plan import HEADROOM, LinearPlan, Weight, plan_linears

__all__ = ["VANISHING", "Plan", "quantise"]

WITHIN_ONE = {"Softmax", "Sigmoid", "HardSigmoid", "Tanh", "Erf", "Softsign", "L2Norm", "Sin", "Cos"}
"""Operators whose results are never larger than 1, whatever calibration saw."""

VANISHING = 24.0
"""exp(-VANISHING) is nothing beside 1: scores so far below the largest may be any lower one."""

FREE_ROWS = 4
"""A layer that gives a result of the model and has no more rows is fine: twice as many take the array no longer."""

_OFFSET = {"Linear", "LayerNorm", "RmsNorm", "Add", "Sub", "Mul"}
"""Operators that can write a format with an offset, besides the functions of single elements."""


@dataclass(eq=False)
class Plan:
    """Formats of a model's values.

    Attributes
    ----------
    observations : by value name.
    linears : by node name.
    demands : the formats in which readers need a value, by value.
    errors : measured, by node name.
    """

    observations: Mapping[str, Observation]
    linears: dict[str, LinearPlan] = field(default_factory=dict)
    demands: dict[ir.Value, list[Format]] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)

    def largest(self, value: ir.Value) -> float:
        """The largest magnitude that calibration saw, of a constant: that it holds; 1 where nothing is known."""
        if value.const_value is not None:
            return float(np.abs(value.const_value.numpy().astype(np.float64)).max(initial=0.0))
        seen = self.observations.get(value.name or "")
        return seen.largest if seen is not None and seen.largest > 0 else 1.0

    def masked(self, value: ir.Value) -> bool:
        """Whether some elements only say that something is not there."""
        seen = self.observations.get(value.name or "")
        return value.const_value is None and seen is not None and seen.masked

    def columns(self, value: ir.Value) -> npt.NDArray[np.float64]:
        """Largest magnitude of each column; no column counts as less than 1 % of the largest."""
        seen = self.observations.get(value.name or "")
        if seen is None:
            return np.asarray(self.largest(value))
        return np.maximum(seen.columns, 0.01 * self.largest(value))

    def wide(self, value: ir.Value) -> Format:
        """int16 with one scale; integers as they are."""
        if value.dtype is not None and value.dtype.is_integer():
            return integer_format(value.dtype.numpy())[0]
        producer = value.producer()
        if producer is not None and producer.op_type in WITHIN_ONE:
            return Format.of(INT16, 1.0)
        room = 1.0 if value.const_value is not None else HEADROOM
        return Format.of(INT16, self.largest(value) * room + (VANISHING if self.masked(value) else 0.0))

    def narrow(self, value: ir.Value) -> Format:
        """int8 with one scale; integers as they are."""
        if value.dtype is not None and value.dtype.is_integer():
            return integer_format(value.dtype.numpy())[0]
        return Format.of(INT8, self.largest(value))

    def formats(self, value: ir.Value) -> list[Format]:
        """The distinct formats that readers want; int16 for those who take any."""
        found: list[Format] = []
        for form in _joined(self.demands.get(value, []), self.wide(value)):
            if not any(form.same(other) for other in found):
                found.append(form)
        return found


def _joined(demands: list[Format], wide: Format) -> list[Format]:
    """Demands that each concern some columns (NaN stands for the others) as one, or as ``wide`` where they differ."""
    parts = [form for form in demands if np.isnan(form.scale).any()]
    if not parts:
        return demands
    scale, offset = parts[0].scale.copy(), parts[0].offset.copy()
    for part in parts[1:]:
        known, both = ~np.isnan(part.scale), ~np.isnan(part.scale) & ~np.isnan(scale)
        if (part.scale[both] != scale[both]).any() or (part.offset[both] != offset[both]).any():
            scale[:] = np.nan
            break
        scale[known], offset[known] = part.scale[known], part.offset[known]
    whole = [form for form in demands if not np.isnan(form.scale).any()]
    if np.isnan(scale).all():
        return [wide, *whole]
    return [Format(parts[0].dtype, np.where(np.isnan(scale), np.nanmax(scale), scale), offset), *whole]


def quantise(
    model: ir.Model,
    on_fabric: set[ir.Node],
    observations: Mapping[str, Observation],
    linears: Mapping[str, LinearPlan] | None = None,
) -> Plan:
    """The plan of a canonical model whose nodes ``on_fabric`` run on the accelerator.

    ``linears`` are plans by node name that are known from the same model in another size.
    """
    from gatewright.compiler.lower.functions import FUNCTIONS
    from gatewright.compiler.lower.rules import rule_of

    plan = Plan(observations)
    for x, nodes in _linears(model, on_fabric).items():
        if linears is not None and all(node.name in linears for node in nodes):
            plan.linears |= {node.name or "": linears[node.name or ""] for node in nodes}
            continue
        made = x.producer()
        offset = made in on_fabric and (made.op_type in _OFFSET or made.op_type in FUNCTIONS)
        weights = [_weight(node.inputs[1]) for node in nodes]
        seen = observations.get(x.name or "")
        if seen is None or len(seen.low) != weights[0].real.shape[1]:
            seen = _within(plan.largest(x), weights[0].real.shape[1])
        final = any(node.outputs[0].is_graph_output() for node in nodes) and _rows(x) <= FREE_ROWS
        plans = plan_linears(weights, seen, offset=offset, fine=final)
        plan.linears |= {node.name or "": each for node, each in zip(nodes, plans, strict=True)}
    for value in model.graph.outputs:
        plan.demands.setdefault(value, []).append(plan.wide(value))
    for node in reversed(list(model.graph)):  # readers first: a rule may hand on what is wanted of its outputs
        rule = rule_of(node) if node in on_fabric else None
        wanted = rule.demand(node, plan) if rule is not None else {}
        for index, value in enumerate(node.inputs):
            if value is not None:
                plan.demands.setdefault(value, []).append(wanted.get(index) or plan.wide(value))
    return plan


def _linears(model: ir.Model, on_fabric: set[ir.Node]) -> dict[ir.Value, list[ir.Node]]:
    """Linear layers by what they read."""
    found: dict[ir.Value, list[ir.Node]] = {}
    for node in model.graph:
        if node in on_fabric and (node.domain, node.op_type) == ("gatewright", "Linear"):
            assert node.inputs[0] is not None
            found.setdefault(node.inputs[0], []).append(node)
    return found


def _rows(value: ir.Value) -> int:
    shape = list(value.shape or [])[:-1]
    return math.prod(each if isinstance(each, int) else FREE_ROWS + 1 for each in shape)


def _weight(value: ir.Value | None) -> Weight:
    assert value is not None and value.const_value is not None
    real = value.const_value.numpy().astype(np.float64)
    if QUANTISED not in value.meta:
        return Weight(real)
    integers, scale, axis = value.meta[QUANTISED]
    scale = np.asarray(scale, np.float64).squeeze()
    return Weight(real, integers, scale) if scale.ndim == 0 or axis == 0 else Weight(real)


def _within(largest: float, cols: int) -> Observation:
    return Observation(np.full(cols, -largest), np.full(cols, largest), np.zeros((0, cols), np.float32))
