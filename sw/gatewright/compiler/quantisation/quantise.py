"""Chooses number formats: int16 between operations, int8 where an operand enters the multiplier array."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import onnx_ir as ir

from gatewright.compiler.formats import Format
from gatewright.compiler.functions import FUNCTIONS
from gatewright.compiler.graph_access import operand
from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.passes.quantised import QUANTISED, RANGE
from gatewright.compiler.quantisation.empty_rows import may_be_empty
from gatewright.compiler.quantisation.linear_plan import FINE_ABOVE, LinearPlan, Weight, plan_linears
from gatewright.compiler.quantisation.observation import Observation
from gatewright.compiler.quantisation.plan import Plan

__all__ = ["Demand", "quantise"]

Demand = Callable[[ir.Node, Plan], dict[int, Format]]


FREE_ROWS = 4
"""An output layer with at most this many rows is computed in two int8 halves, since the array is idle there anyway."""

FINE_ABOVE_GIVEN = 0.004
"""As FINE_ABOVE, where the model brings the weights as integers, and no range of the operand: their error is there
already, and who quantised them left the operand's precision to the runtime."""

_OFFSET = {"Linear", "LayerNorm", "RmsNorm", "Add", "Sub", "Mul"}
"""Operators that can write a format with an offset, besides the functions of single elements."""


def quantise(
    model: ir.Model,
    on_fabric: set[ir.Node],
    observations: Mapping[str, Observation],
    demand: Demand,
    linears: Mapping[str, LinearPlan] | None = None,
    fine_above: float = FINE_ABOVE,
) -> Plan:
    """The plan of a canonical model whose nodes ``on_fabric`` run on the accelerator.

    ``demand`` says in which formats a node of the fabric must have operands, by input index; others may come in any
    format with one scale. ``linears`` are plans by node name that are known from the same model in another size.
    ``fine_above`` is the relative error of a linear layer's output beyond which it is fine.
    """
    plan = Plan(observations)
    for x, nodes in _linears(model, on_fabric).items():
        if linears is not None and all(node.name in linears for node in nodes):
            plan.linears |= {node.name or "": linears[node.name or ""] for node in nodes}
            continue
        made = x.producer()
        offset = made in on_fabric and (made.op_type in _OFFSET or made.op_type in FUNCTIONS or plan.is_cast(x))
        weights = [_weight(node.inputs[1]) for node in nodes]
        seen = observations.get(x.name or "")
        if seen is None or len(seen.low) != weights[0].real.shape[1]:
            seen = _within(plan.largest(x), weights[0].real.shape[1])
        final = any(node.outputs[0].is_graph_output() for node in nodes) and _rows(x) <= FREE_ROWS
        limit = fine_above if RANGE in x.metadata_props or not all(map(_given, nodes)) else FINE_ABOVE_GIVEN
        empty = may_be_empty(x)
        plans = plan_linears(
            weights, seen, offset=offset and not empty, keep_zero=empty, fine_above=0.0 if final else limit
        )
        plan.linears |= {node.name or "": each for node, each in zip(nodes, plans, strict=True)}
    for value in model.graph.outputs:
        plan.demands.setdefault(value, []).append(plan.wide(value))
    for node in reversed(list(model.graph)):  # readers first: a rule may hand on what is wanted of its outputs
        wanted = demand(node, plan) if node in on_fabric else {}
        for index, source in enumerate(node.inputs):
            if source is not None:
                plan.demands.setdefault(source, []).append(wanted.get(index) or plan.wide(source))
    return plan


def _linears(model: ir.Model, on_fabric: set[ir.Node]) -> dict[ir.Value, list[ir.Node]]:
    """Linear layers by what they read."""
    found: dict[ir.Value, list[ir.Node]] = {}
    for node in model.graph:
        if node in on_fabric and (node.domain, node.op_type) == (DOMAIN, "Linear"):
            found.setdefault(operand(node, 0), []).append(node)
    return found


def _rows(value: ir.Value) -> int:
    shape = list(value.shape or [])[:-1]
    return math.prod(each if isinstance(each, int) else FREE_ROWS + 1 for each in shape)


def _given(node: ir.Node) -> bool:
    """Whether a layer's weights came as integers."""
    weight = node.inputs[1]
    return weight is not None and QUANTISED in weight.meta


def _weight(value: ir.Value | None) -> Weight:
    assert value is not None and value.const_value is not None
    real = value.const_value.numpy().astype(np.float64)
    if QUANTISED not in value.meta:
        return Weight(real)
    integers, scale, axis = value.meta[QUANTISED]
    scale = np.asarray(scale, np.float64).squeeze()
    if scale.ndim and axis != 0:
        return Weight(real)
    kept = np.clip(integers, -128, 127)
    off = np.square((integers - kept) * scale.reshape(-1, 1)).sum()
    steps = np.abs(real).max(1, initial=0.0) / 127  # were they to get new integers
    return (
        Weight(real, kept.astype(np.int8), scale) if off <= np.square(steps).sum() * len(real.T) / 12 else Weight(real)
    )


def _within(largest: float, cols: int) -> Observation:
    return Observation(np.full(cols, -largest), np.full(cols, largest), np.zeros((0, cols), np.float32))
