"""Which nodes run on the fabric: those that a rule takes, whose numbers the formats hold, and that are exact enough.

The last is measured: all that may run on the fabric does so on the golden model, and what comes out wrong goes to the
host, until nothing is left that does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.encode import UnplacedVariant
from gatewright.compiler.fabric.matrices import dims
from gatewright.compiler.graph_access import numpy_type, shape_of
from gatewright.compiler.lower.rules import demands, refusal
from gatewright.compiler.lowering import NodeError, lower
from gatewright.compiler.masks import is_mask
from gatewright.compiler.quantisation.calibrate import calibrate
from gatewright.compiler.quantisation.infinities import not_numbers
from gatewright.compiler.quantisation.judge import too_coarse, verdict
from gatewright.compiler.quantisation.linear_plan import FINE_ABOVE
from gatewright.compiler.quantisation.measure import Errors, available, measure
from gatewright.compiler.quantisation.plan import Plan
from gatewright.compiler.quantisation.quantise import quantise
from gatewright.program.compiled import Value
from gatewright.spec.config import AcceleratorConfig

__all__ = ["Assignment", "assign", "assign_like", "assign_unseen"]

Feed = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Assignment:
    """Where a model's nodes run, and in which formats.

    Attributes
    ----------
    plan : formats of the values.
    on_host : nodes that run on the host, with the reason; all others run on the fabric.
    errors : measured; empty without the golden model.
    verdict : what is left above the bound, in words.
    """

    plan: Plan
    on_host: dict[ir.Node, str]
    errors: Errors = field(default_factory=Errors)
    verdict: str | None = None


def assign(
    model: ir.Model,
    config: AcceleratorConfig,
    feeds: Sequence[Feed],
    capacity: dict[str, int],
    max_error: float,
    *,
    settled: bool,
) -> Assignment:
    """The places of a canonical model's nodes for calibration inputs ``feeds``, ``settled`` if others are like them."""
    observations = calibrate(model, feeds, settled=settled)
    on_host = _refusals(model, config)
    judged = math.isfinite(max_error)
    fine_above = max(FINE_ABOVE, max_error) if judged else FINE_ABOVE
    if judged:
        on_host = not_numbers(model, observations) | on_host
    measurable = [feed for feed in feeds if all(map(_finite, feed.values()))]
    judged &= available() and bool(measurable)
    inputs, outputs = (
        tuple(Value(value.name or "", numpy_type(value).name, dims(shape_of(value))) for value in values)
        for values in (model.graph.inputs, model.graph.outputs)
    )
    while True:
        on_host = _with_masks(model, on_host)
        on_fabric = {node for node in model.graph if node not in on_host}
        plan = quantise(model, on_fabric, observations, demands, fine_above=fine_above)
        try:
            steps = lower(model, on_host, plan, config, capacity, keep_all=judged)
        except NodeError as error:
            on_host[error.node] = error.reason
            continue
        if not judged or len(on_host) == len(model.graph):
            return Assignment(plan, on_host)
        errors = measure(model, UnplacedVariant({}, capacity, inputs, outputs, steps), config, measurable)
        coarse = too_coarse(model, on_host, observations, errors, max_error)
        if not coarse:
            return Assignment(plan, on_host, errors, verdict(model, on_host, errors, max_error))
        on_host |= coarse


def assign_unseen(model: ir.Model, config: AcceleratorConfig, capacity: dict[str, int]) -> Assignment:
    """The places of a canonical model's nodes as far as they follow from the model alone; all numbers within 1."""
    on_host = not_numbers(model, {}) | _refusals(model, config)
    while True:
        on_host = _with_masks(model, on_host)
        plan = quantise(model, {node for node in model.graph if node not in on_host}, {}, demands)
        try:
            lower(model, on_host, plan, config, capacity)
        except NodeError as error:
            on_host[error.node] = error.reason
            continue
        return Assignment(plan, on_host)


def assign_like(model: ir.Model, config: AcceleratorConfig, known: Assignment) -> Assignment:
    """The places and formats that are ``known`` from the same model with other sizes."""
    reasons = {node.name: reason for node, reason in known.on_host.items()}
    on_host = {node: reason for node in model.graph if (reason := refusal(node, config) or reasons.get(node.name))}
    on_host = _with_masks(model, on_host)
    on_fabric = {node for node in model.graph if node not in on_host}
    plan = quantise(model, on_fabric, known.plan.observations, demands, known.plan.linears)
    return Assignment(plan, on_host, known.errors, known.verdict)


def _refusals(model: ir.Model, config: AcceleratorConfig) -> dict[ir.Node, str]:
    return {node: reason for node in model.graph if (reason := refusal(node, config))}


def _finite(array: npt.NDArray[Any]) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _with_masks(model: ir.Model, on_host: Mapping[ir.Node, str]) -> dict[ir.Node, str]:
    """A mask that a node on the host reads must exist as numbers, hence is made there."""
    found = dict(on_host)
    for node in reversed(list(model.graph)):
        reader = next((user for value in node.outputs for user, _ in value.uses() if user in found), None)
        if node not in found and reader is not None and is_mask(node.outputs[0]):
            found[node] = f"{reader.name}, which reads it, runs on the host"
    return found
