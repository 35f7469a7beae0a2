"""From an ONNX model to a program: the order of the work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import onnx
import onnx_ir as ir

from gatewright.compiler.bindings import Bindings
from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.encode import UnplacedStep, UnplacedVariant, assemble
from gatewright.compiler.fabric.matrices import dims as shape_dims
from gatewright.compiler.host_steps import cost, extract
from gatewright.compiler.load import read_model
from gatewright.compiler.lower import load_rules
from gatewright.compiler.lower.rules import demands, refusal, rule_of
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.masks import is_mask, padding
from gatewright.compiler.partition import Part, partition
from gatewright.compiler.passes import run
from gatewright.compiler.quantisation.calibrate import calibrate, synthetic
from gatewright.compiler.quantisation.inputs import Inputs, checked, padded
from gatewright.compiler.quantisation.measure import available, node_errors
from gatewright.compiler.quantisation.plan import Plan
from gatewright.compiler.quantisation.quantise import quantise
from gatewright.program.compiled import CompiledProgram, HostStep, Value
from gatewright.spec.config import SPEC_VERSION, AcceleratorConfig, get_config

__all__ = ["DEVICE_MEMORY", "compile_model"]

DEVICE_MEMORY = 256 << 20
"""Most bytes of device memory that a program may take."""


def compile_model(
    model: str | Path | bytes | onnx.ModelProto,
    *,
    config: str | AcceleratorConfig = "pynq-z2",
    calibration: Inputs | Iterable[Inputs] | None = None,
    buckets: Mapping[str, Sequence[int]] | None = None,
    capacity: Mapping[str, int] | None = None,
    name: str | None = None,
    memory_bytes: int = DEVICE_MEMORY,
    measure: bool = False,
) -> CompiledProgram:
    """Compile an ONNX model for a configuration of the accelerator.

    Parameters
    ----------
    model : a file, its bytes or an ONNX model; `onnx` converts operator sets older than 13.
    config : name of a shipped configuration, or a configuration.
    calibration : inputs by name, or several such sets; they set the ranges of all values. Synthetic when absent.
    buckets : for a dynamic dimension by name the sizes to compile for; a call is padded to the next one.
    capacity : for a dynamic leading dimension by name its largest size; a call takes what it brings.
    name : of the program, by default the model's graph.
    memory_bytes : most device memory that it may take.
    measure : whether to run the first calibration inputs on the golden model, for the error of each layer.

    Raises :class:`CompileError` naming the node that is at fault.
    """
    hardware = get_config(config) if isinstance(config, str) else config
    limits = dict(capacity or {})
    load_rules()
    plans: list[UnplacedVariant] = []
    shared: Plan | None = None  # the largest variant is calibrated, and all have its formats, hence its weights
    source = read_model(model)
    title = name or source.graph.name or "model"
    choices = _choices(buckets or {})
    sets = checked(source, calibration, limits | choices[-1])
    for dims in reversed(choices):
        variant, shared = _variant(source.clone(), hardware, sets, Bindings(dims, limits), shared, measure)
        plans.insert(0, variant)
    image, nbytes, variants = assemble(plans, hardware, memory_bytes)
    return CompiledProgram(title, hardware.name, hardware.hash, SPEC_VERSION, image, nbytes, variants)


def _choices(buckets: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    """Every combination of bucket sizes, small ones first."""
    for name, sizes in buckets.items():
        if not sizes or any(size < 1 for size in sizes):
            raise CompileError(f"bucket {name} has sizes {list(sizes)}, allowed: at least one, each 1 or more")
    ordered = [sorted(set(sizes)) for sizes in buckets.values()]
    return [dict(zip(buckets, choice, strict=True)) for choice in product(*ordered)]


def _variant(
    model: ir.Model,
    config: AcceleratorConfig,
    sets: Sequence[Inputs],
    bindings: Bindings,
    known: Plan | None,
    measured: bool,
) -> tuple[UnplacedVariant, Plan]:
    """Lower a model for one choice of bucket sizes, with the formats that are ``known`` from another choice."""
    declared = {value.name: value.shape for value in (*model.graph.inputs, *model.graph.outputs)}
    run(model, bindings)
    _made_by_nodes(model)
    dims, capacity = dict(bindings.buckets), dict(bindings.capacity)
    inputs, outputs = (
        tuple(_interface(value, declared.get(value.name), {*dims, *capacity}) for value in values)
        for values in (model.graph.inputs, model.graph.outputs)
    )
    refusals = _refusals(model, config)
    on_fabric = {node for node in model.graph if node not in refusals}
    if known is None:
        feeds = [padded(model, each) for each in sets] or synthetic(model, capacity)
        plan = quantise(model, on_fabric, calibrate(model, feeds), demands)
    else:
        plan = quantise(model, on_fabric, known.observations, demands, known.linears)

    def variant(keep_all: bool) -> UnplacedVariant:
        parts = partition(model, refusals)
        steps: list[UnplacedStep | HostStep] = [
            _fabric(part, config, plan, capacity, keep_all=keep_all)
            if part.on_fabric
            else _host(model, parts, index, refusals, capacity)
            for index, part in enumerate(parts)
        ]
        return UnplacedVariant(dims, capacity, inputs, outputs, steps)

    if known is not None:
        plan.errors = known.errors
    elif measured and available():
        plan.errors = node_errors(model, variant(keep_all=True), config, feeds[0])
    return variant(keep_all=False), plan


def _made_by_nodes(model: ir.Model) -> None:
    """Outputs that folding has left as constants become results of an Identity."""
    for index, value in enumerate(model.graph.outputs):
        if value.producer() is not None or value.const_value is None:
            continue
        constant = ir.Value(name=value.name, shape=value.shape, type=value.type, const_value=value.const_value)
        constant.name = f"{value.name}_constant"
        del model.graph.initializers[value.name or ""]
        model.graph.register_initializer(constant)
        node = ir.node("Identity", [constant], name=f"{value.name}_identity")
        result = node.outputs[0]
        result.name, result.shape, result.type = value.name, value.shape, value.type
        for user, place in list(value.uses()):
            user.replace_input_with(place, constant)
        model.graph.append(node)
        model.graph.outputs[index] = result


def _refusals(model: ir.Model, config: AcceleratorConfig) -> dict[ir.Node, str]:
    """Why nodes run on the host. A mask that such a node reads must exist as numbers, hence is cast there."""
    found = {node: reason for node in model.graph if (reason := refusal(node, config))}
    for node in reversed(list(model.graph)):
        reader = next((user for value in node.outputs for user, _ in value.uses() if user in found), None)
        if node not in found and reader is not None and is_mask(node.outputs[0]):
            found[node] = f"{reader.name}, which reads it, runs on the host"
    return found


def _interface(value: ir.Value, declared: ir.Shape | None, names: set[str]) -> Value:
    """An input or output with the names of its dimensions, where ``names`` has them, and their sizes elsewhere."""
    assert value.shape is not None and value.dtype is not None
    sizes = shape_dims(value.shape)
    wanted = shape_dims(declared) if declared is not None and len(declared) == len(sizes) else sizes
    shape = tuple(name if name in names else size for name, size in zip(wanted, sizes, strict=True))
    return Value(value.name or "", value.dtype.numpy().name, shape, float(padding(value)))


def _fabric(
    part: Part, config: AcceleratorConfig, plan: Plan, capacity: dict[str, int], *, keep_all: bool = False
) -> UnplacedStep:
    """The kernels of a step. With ``keep_all`` every value of it is an output."""
    step = LoweredStep(config, plan, capacity)
    for node in part.nodes:
        found = rule_of(node)
        assert found is not None
        with step.emit.labelled(node.name or node.op_type, node.op_type):
            found.lower(node, step)
    made = [value for node in part.nodes for value in node.outputs if step.has(value)]
    for value in made if keep_all else part.outputs:
        if not is_mask(value):  # a later step takes the bits of what is cast to a mask
            step.output(value)
    return replace(step.finish(), errors=plan.errors)


def _host(
    model: ir.Model, parts: Sequence[Part], index: int, refusals: Mapping[ir.Node, str], capacity: Mapping[str, int]
) -> HostStep:
    part, costs = parts[index], cost(parts, index, capacity)
    return HostStep(
        extract(model, part),
        tuple(value.name or "" for value in part.inputs),
        tuple(value.name or "" for value in part.outputs),
        tuple(node.name or node.op_type for node in part.nodes),
        tuple(f"{refusals[node]} (costs: {costs})" for node in part.nodes),
    )
