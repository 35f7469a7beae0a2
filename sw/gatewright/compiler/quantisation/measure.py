"""The quantisation error of each node: the program runs on the golden model with every value as an output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from gatewright.compiler.fabric.encode import UnplacedVariant, assemble
from gatewright.compiler.fabric.matrices import dims
from gatewright.compiler.graph_access import numpy_type, shape_of
from gatewright.compiler.quantisation.calibrate import open_session, session_of
from gatewright.compiler.quantisation.hidden_rows import hidden_by, kept_rows
from gatewright.compiler.quantisation.scores import is_score, that_count
from gatewright.driver import Accelerator
from gatewright.program.compiled import CompiledProgram, HostStep, Value
from gatewright.spec.config import SPEC_VERSION, AcceleratorConfig

__all__ = ["Errors", "available", "measure"]

MOST_INPUTS = 4
"""Calibration inputs that are measured."""

_MEMORY_BYTES = 1 << 30
"""For a program that keeps every value."""

_GIVEN = ":measured"
"""Behind the names of values as the program made them, in the model where they are given."""

Array = npt.NDArray[Any]
Feed = Mapping[str, Array]


@dataclass(frozen=True)
class Errors:
    """Root mean square errors relative to the root mean square of the right values; infinite where those are 0, or
    where one is infinite or NaN and the other is not. Of several inputs the root mean square again, all alike.

    Attributes
    ----------
    values : by value name: all that happened to it since the inputs.
    total : by node name, the worst of its results.
    own : by node name, for the operands that the node was given: what its own arithmetic and formats add.
    """

    values: dict[str, float] = field(default_factory=dict)
    total: dict[str, float] = field(default_factory=dict)
    own: dict[str, float] = field(default_factory=dict)


def available() -> bool:
    """Whether the golden model is installed."""
    return find_spec("gatewright_sim") is not None


def measure(model: ir.Model, plan: UnplacedVariant, config: AcceleratorConfig, feeds: Sequence[Feed]) -> Errors:
    """The errors of a model's nodes for the first of ``feeds``.

    ``plan`` has the steps of the model, of which every value that is to be measured is an output. Rows that a mask
    hides from every output of the model do not count.
    """
    feeds = feeds[:MOST_INPUTS]
    names = list(dict.fromkeys(_made(plan)))
    values = {value.name or "": value for node in model.graph for value in node.outputs if value.name in names}
    found = _run(plan, [_interface(value) for value in values.values()], config, feeds)
    exact = open_session(model, list(values))
    separate, read = _separate(model, values, found[0])
    alone = session_of(separate, list(values))
    hidden, scores = hidden_by(model), {name for name, value in values.items() if is_score(value)}
    total: dict[str, list[float]] = {name: [] for name in values}
    own: dict[str, list[float]] = {name: [] for name in values}
    for feed, results in zip(feeds, found, strict=True):
        expected = dict(zip(values, exact.run(list(values), dict(feed)), strict=True))
        given = {f"{name}{_GIVEN}": results[name] for name in read}
        by_node = dict(zip(values, alone.run(list(values), {**feed, **given}), strict=True))
        for name in values:
            kept = kept_rows(hidden, name, feed)
            have, wanted, lone = (
                each[name] if kept is None else each[name][kept] for each in (results, expected, by_node)
            )
            total[name].append(relative_error(have, wanted, scores=name in scores))
            own[name].append(relative_error(have, lone, scores=name in scores))
    return _by_node(model, _mean(total), _mean(own))


def _mean(errors: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: float(np.sqrt(np.square(each).mean())) for name, each in errors.items()}


def _by_node(model: ir.Model, total: Mapping[str, float], own: Mapping[str, float]) -> Errors:
    def worst(node: ir.Node, errors: Mapping[str, float]) -> float:
        return max((errors.get(value.name or "", 0.0) for value in node.outputs), default=0.0)

    nodes = [node for node in model.graph if any(value.name in total for value in node.outputs)]
    return Errors(
        dict(total),
        {node.name or "": worst(node, total) for node in nodes},
        {node.name or "": worst(node, own) for node in nodes},
    )


def _made(plan: UnplacedVariant) -> Iterable[str]:
    for step in plan.steps:
        yield from step.outputs if isinstance(step, HostStep) else (port.placement.name for port in step.outputs)


def _interface(value: ir.Value) -> Value:
    return Value(value.name or "", numpy_type(value).name, dims(shape_of(value)))


def _run(
    plan: UnplacedVariant, outputs: Sequence[Value], config: AcceleratorConfig, feeds: Sequence[Feed]
) -> list[dict[str, Array]]:
    """The values that the program makes."""
    everything = UnplacedVariant(plan.dims, plan.capacity, plan.inputs, tuple(outputs), plan.steps)
    image, nbytes, variants = assemble([everything], config, _MEMORY_BYTES)
    program = CompiledProgram("measurement", config.name, config.hash, SPEC_VERSION, image, nbytes, variants)
    with Accelerator(config, "golden", memory_bytes=2 * nbytes) as accelerator, accelerator.load(program) as loaded:
        return [loaded(**feed) for feed in feeds]


def _separate(model: ir.Model, values: Mapping[str, ir.Value], like: Feed) -> tuple[onnx.ModelProto, list[str]]:
    """The model with each node reading ``values`` not from other nodes, but as inputs; those that any reads."""
    proto = ir.to_proto(model)
    read = {}
    for node in proto.graph.node:
        for index, name in enumerate(node.input):
            if name in values:
                node.input[index] = read[name] = f"{name}{_GIVEN}"
    del proto.graph.output[:]
    proto.graph.input.extend(
        onnx.helper.make_tensor_value_info(given, onnx.helper.np_dtype_to_tensor_dtype(like[name].dtype), None)
        for name, given in read.items()
    )
    return proto, list(read)


def relative_error(found: Array, right: Array, *, scores: bool = False) -> float:
    """Of one value; of ``scores`` those that count."""
    with np.errstate(all="ignore"):
        if scores and right.ndim:
            found, right = that_count(found, right), that_count(right, right)
        found, right = found.astype(np.float64), right.astype(np.float64)
        finite = np.isfinite(right)
        same = np.where(finite, np.isfinite(found), np.isnan(right) & np.isnan(found) | (found == right))
        if not same.all():
            return np.inf
        off = float(np.square(found[finite] - right[finite]).sum())
        size = float(np.square(right[finite]).sum())
        return float(np.sqrt(off / size)) if size else np.inf if off else 0.0
