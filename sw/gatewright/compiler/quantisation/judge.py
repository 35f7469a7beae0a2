"""Judges measured errors: which nodes the fabric computes too coarsely, and what is left above the bound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import onnx_ir as ir

from gatewright.compiler.partition import reads
from gatewright.compiler.quantisation.measure import Errors
from gatewright.compiler.quantisation.observation import Observation
from gatewright.program.compiled import FabricStep, Variant

__all__ = ["MAX_ERROR", "too_coarse", "verdict", "with_errors"]

MAX_ERROR = 0.05
"""Relative root mean square error above which a result is reported."""

AMPLIFIED = 8.0
"""A node whose result errs so many times more than its operands needs them in a finer format than the fabric has."""

USUAL = 3.0
"""Inputs that differ by so much are nothing to care for."""

NAMED = 6
"""Layers that a verdict names."""


def too_coarse(
    model: ir.Model,
    on_host: Mapping[ir.Node, str],
    observations: Mapping[str, Observation],
    errors: Errors,
    bound: float,
) -> dict[ir.Node, str]:
    """Why nodes of the fabric are to run on the host: for their own error, or else for what a reader makes of it."""
    found = {}
    for node in model.graph:
        own = errors.own.get(node.name or "", 0.0) * _spread(node, observations)
        if node not in on_host and own > bound:
            found[node] = f"it would be off by {_share(own)} (rms) in the fabric's formats, allowed {_share(bound)}"
    if found:
        return found
    for node in model.graph:
        total = errors.total.get(node.name or "", 0.0)
        before = max((errors.values.get(value.name or "", 0.0) for value in reads(node)), default=0.0)
        if total > bound and total > AMPLIFIED * before:
            for maker in _makers(node, on_host):
                found[maker] = (
                    f"its rounding would make the result of {node.name}, which depends on it, {_share(total)} off"
                )
    return found


def _spread(node: ir.Node, observations: Mapping[str, Observation]) -> float:
    """How many times smaller all that a node meets may be in another input, while the steps of its formats stay."""
    values = [value.name or "" for value in (*node.inputs, *node.outputs) if value is not None]
    tails = [observations[name].tail for name in values if name in observations]
    return max([USUAL, *tails]) / USUAL


def _makers(node: ir.Node, on_host: Mapping[ir.Node, str]) -> Iterator[ir.Node]:
    """The nearest nodes of the fabric that a node's operands come from."""
    for value in reads(node):
        maker = value.producer()
        if maker is not None and maker in on_host:
            yield from _makers(maker, on_host)
        elif maker is not None:
            yield maker


def verdict(model: ir.Model, on_host: Mapping[ir.Node, str], errors: Errors, bound: float) -> str | None:
    """One sentence on the outputs and layers that are off by more than the bound; None if there are none."""
    outputs = [(value.name or "", errors.values.get(value.name or "", 0.0)) for value in model.graph.outputs]
    wrong = [f"output {name} by {_share(error)}" for name, error in outputs if error > bound]
    layers = sorted(
        ((errors.total.get(node.name or "", 0.0), node) for node in model.graph if node not in on_host),
        key=lambda each: -each[0],
    )
    above = [(total, node) for total, node in layers if total > bound]
    wrong += [
        f"node {node.name} ({node.op_type}) by {_share(total)}, of its own {_share(errors.own[node.name or ''])}"
        for total, node in above[:NAMED]
    ]
    if not wrong:
        return None
    rest = f"; and {len(above) - NAMED} more" if len(above) > NAMED else ""
    return f"off by more than {_share(bound)} (rms) for calibration inputs: {'; '.join(wrong)}{rest}"


def with_errors(variant: Variant, errors: Errors) -> Variant:
    """The variant with the errors of its layers and outputs."""
    nan = math.nan
    steps = tuple(
        replace(
            step,
            layers=tuple(
                replace(layer, error=errors.total.get(layer.node, nan), own=errors.own.get(layer.node, nan))
                for layer in step.layers
            ),
        )
        if isinstance(step, FabricStep)
        else step
        for step in variant.steps
    )
    outputs = tuple(replace(value, error=errors.values.get(value.name, nan)) for value in variant.outputs)
    return replace(variant, steps=steps, outputs=outputs)


def _share(error: float) -> str:
    return f"{error:.1%}" if math.isfinite(error) else "any amount"
