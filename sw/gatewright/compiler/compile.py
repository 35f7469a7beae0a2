"""From an ONNX model to a program: the order of the work."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

import onnx
import onnx_ir as ir

from gatewright.compiler.assign import Assignment, assign, assign_like
from gatewright.compiler.bindings import Bindings
from gatewright.compiler.errors import AccuracyWarning, CompileError
from gatewright.compiler.fabric.encode import UnplacedVariant, assemble
from gatewright.compiler.fabric.matrices import dims as shape_dims
from gatewright.compiler.load import read_model
from gatewright.compiler.lower import load_rules
from gatewright.compiler.lowering import lower
from gatewright.compiler.masks import padding
from gatewright.compiler.passes import run
from gatewright.compiler.quantisation.calibrate import synthetic
from gatewright.compiler.quantisation.inputs import Inputs, checked, padded
from gatewright.compiler.quantisation.judge import MAX_ERROR, with_errors
from gatewright.program.compiled import CompiledProgram, Value
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
    max_error: float = MAX_ERROR,
    settled: bool = False,
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
    max_error : relative root mean square error above which a node runs on the host, and a result is warned of
        (:class:`AccuracyWarning`), measured for calibration inputs on the golden model where that is installed; with
        infinity nothing is measured, and all nodes run on the fabric that it has operators for. A linear layer takes
        its operand in two int8 halves, which is twice the work, where it is off by more than 5 % otherwise, or by more
        than this if it is larger.
    settled : whether calls will bring nothing much larger than the calibration inputs, since those are of all there
        are; else formats have room for what the tail of the calibrated values lets expect.

    Raises :class:`CompileError` naming the node that is at fault.
    """
    if not max_error > 0:
        raise CompileError(f"max_error is {max_error}, allowed: above 0")
    hardware = get_config(config) if isinstance(config, str) else config
    limits = dict(capacity or {})
    load_rules()
    plans: list[UnplacedVariant] = []
    shared: Assignment | None = None  # the largest variant is calibrated, and all have its formats, hence its weights
    source = read_model(model)
    title = name or source.graph.name or "model"
    choices = _choices(buckets or {})
    sets = checked(source, calibration, limits | choices[-1])
    for dims in reversed(choices):
        variant, shared = _variant(source.clone(), hardware, sets, Bindings(dims, limits), shared, max_error, settled)
        plans.insert(0, variant)
    image, nbytes, variants = assemble(plans, hardware, memory_bytes)
    assert shared is not None
    if shared.verdict is not None:
        warnings.warn(f"{title} is {shared.verdict}", AccuracyWarning, stacklevel=2)
    variants = tuple(with_errors(variant, shared.errors) for variant in variants)
    return CompiledProgram(title, hardware.name, hardware.hash, SPEC_VERSION, image, nbytes, variants)


def _choices(buckets: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    """Every combination of bucket sizes, small ones first."""
    for name, sizes in buckets.items():
        if not sizes or not all(isinstance(size, int) and size >= 1 for size in sizes):
            raise CompileError(f"bucket {name} has sizes {list(sizes)}, allowed: at least one, each 1 or more")
    ordered = [sorted(set(sizes)) for sizes in buckets.values()]
    return [dict(zip(buckets, choice, strict=True)) for choice in product(*ordered)]


def _variant(
    model: ir.Model,
    config: AcceleratorConfig,
    sets: Sequence[Inputs],
    bindings: Bindings,
    known: Assignment | None,
    max_error: float,
    settled: bool,
) -> tuple[UnplacedVariant, Assignment]:
    """Lower a model for one choice of bucket sizes, with what is ``known`` from another choice."""
    declared = {value.name: value.shape for value in (*model.graph.inputs, *model.graph.outputs)}
    run(model, bindings)
    _as_declared(model)
    _made_by_nodes(model)
    dims, capacity = dict(bindings.buckets), dict(bindings.capacity)
    inputs, outputs = (
        tuple(_interface(value, declared.get(value.name), {*dims, *capacity}) for value in values)
        for values in (model.graph.inputs, model.graph.outputs)
    )
    if known is None:
        feeds = [padded(model, each) for each in sets] or synthetic(model, capacity)
        assigned = assign(model, config, feeds, capacity, max_error, settled=settled)
    else:
        assigned = assign_like(model, config, known)
    steps = lower(model, assigned.on_host, assigned.plan, config, capacity)
    return UnplacedVariant(dims, capacity, inputs, outputs, steps), assigned


def _as_declared(model: ir.Model) -> None:
    """Raises :class:`CompileError` for a value that is computed with other sizes than the model says."""
    for value in (*model.graph.initializers.values(), *model.graph.outputs):
        if value.const_value is None or value.shape is None:
            continue
        said, found = shape_dims(value.shape), tuple(value.const_value.shape.numpy())
        known = [its if isinstance(size, str) else size for size, its in zip(said, found, strict=False)]
        if (len(said), known) != (len(found), list(found)):
            raise CompileError(f"{value.name} is declared as {list(said)}, but is {list(found)}")


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


def _interface(value: ir.Value, declared: ir.Shape | None, names: set[str]) -> Value:
    """An input or output with the names of its dimensions, where ``names`` has them, and their sizes elsewhere."""
    assert value.shape is not None and value.dtype is not None
    sizes = shape_dims(value.shape)
    wanted = shape_dims(declared) if declared is not None and len(declared) == len(sizes) else sizes
    shape = tuple(name if name in names else size for name, size in zip(wanted, sizes, strict=True))
    return Value(value.name or "", value.dtype.numpy().name, shape, float(padding(value)))
