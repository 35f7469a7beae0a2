"""From an ONNX model, or a PyTorch module, to a program: the order of the work."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import onnx_ir as ir

from gatewright.compiler.assign import Assignment, assign, assign_like
from gatewright.compiler.bindings import Bindings
from gatewright.compiler.errors import AccuracyWarning, CalibrationWarning, CompileError
from gatewright.compiler.fabric.encode import UnplacedVariant, assemble
from gatewright.compiler.load import read_model
from gatewright.compiler.lower import load_rules
from gatewright.compiler.quantisation.calibrate import synthetic
from gatewright.compiler.quantisation.inputs import Inputs, checked, padded
from gatewright.compiler.quantisation.judge import MAX_ERROR, with_errors
from gatewright.compiler.variant import build_variant, choices
from gatewright.program.compiled import CompiledProgram
from gatewright.spec.config import SPEC_VERSION, AcceleratorConfig, get_config

if TYPE_CHECKING:
    from torch import nn

__all__ = ["DEVICE_MEMORY", "compile_model"]

DEVICE_MEMORY = 256 << 20
"""Most bytes of device memory that a program may take."""


def compile_model(
    model: str | Path | bytes | onnx.ModelProto | nn.Module,
    example_inputs: Any = None,
    *,
    config: str | AcceleratorConfig = "pynq-z2",
    calibration: Inputs | Iterable[Any] | None = None,
    buckets: Mapping[str, Sequence[int]] | None = None,
    capacity: Mapping[str, int] | None = None,
    name: str | None = None,
    memory_bytes: int = DEVICE_MEMORY,
    max_error: float = MAX_ERROR,
    settled: bool = False,
    dynamic_axes: Mapping[str, Mapping[int, str]] | None = None,
    outputs: Collection[str] | None = None,
) -> CompiledProgram:
    """Compile an ONNX model, or a PyTorch module, for a configuration of the accelerator.

    Parameters
    ----------
    model : a file, its bytes or an ONNX model; `onnx` converts operator sets older than 13. Or a `torch.nn.Module`,
        which PyTorch exports in evaluation mode; the program's inputs are named like the arguments of its forward, the
        outputs like the keys or fields of what it gives.
    example_inputs : of a module, and of nothing else: tensors of the sizes that calls will bring, as a tuple in the
        order of forward, or by name. Numbers, strings and None stay as they are in every call.
    config : name of a shipped configuration, or a configuration.
    calibration : inputs by name, or several such sets; they set the ranges of all values. Synthetic when absent. For a
        module also an iterable, such as a DataLoader, of tensors or of tuples of them, all of which is read; the
        example inputs when absent, with a :class:`CalibrationWarning`.
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
    dynamic_axes : of a module: by input the axes whose sizes differ from call to call, each with the name under which
        ``buckets`` or ``capacity`` have it, such as ``{"ids": {1: "tokens"}}``.
    outputs : of a module: names of the results that the program gives, all by default.

    Raises :class:`CompileError` naming the node that is at fault, or the module with PyTorch's reason.
    """
    if not max_error > 0:
        raise CompileError(f"max_error is {max_error}, allowed: above 0")
    hardware = get_config(config) if isinstance(config, str) else config
    limits = dict(capacity or {})
    sizes = choices(buckets or {})
    if _is_module(model):
        from gatewright.compiler.from_torch.export import export_module

        exported = export_module(
            model, example_inputs, dynamic_axes=dynamic_axes, largest=limits | sizes[-1], outputs=outputs
        )
        if calibration is None:
            warnings.warn(
                f"{exported.title} is calibrated on its example inputs alone, since no calibration inputs are given",
                CalibrationWarning,
                stacklevel=2,
            )
        model, calibration = exported.model, exported.sets(calibration)
    elif not (example_inputs is None and dynamic_axes is None and outputs is None):
        raise CompileError("example_inputs, dynamic_axes and outputs are of a torch.nn.Module, allowed here: None")
    load_rules()
    plans: list[UnplacedVariant] = []
    shared: Assignment | None = None  # the largest variant is calibrated, and all have its formats, hence its weights
    source = read_model(model)
    title = name or source.graph.name or "model"
    sets = checked(source, calibration, limits | sizes[-1])

    def places(canonical: ir.Model, dynamic: dict[str, int]) -> Assignment:
        if shared is not None:
            return assign_like(canonical, hardware, shared)
        feeds = [padded(canonical, each) for each in sets] or synthetic(canonical, dynamic)
        return assign(canonical, hardware, feeds, dynamic, max_error, settled=settled)

    for dims in reversed(sizes):
        variant, shared = build_variant(source.clone(), hardware, Bindings(dims, limits), places)
        plans.insert(0, variant)
    image, nbytes, variants = assemble(plans, hardware, memory_bytes)
    assert shared is not None
    if shared.verdict is not None:
        warnings.warn(f"{title} is {shared.verdict}", AccuracyWarning, stacklevel=2)
    variants = tuple(with_errors(variant, shared.errors) for variant in variants)
    return CompiledProgram(title, hardware.name, hardware.hash, SPEC_VERSION, image, nbytes, variants)


def _is_module(model: object) -> bool:
    """Whether it is a PyTorch module; who has none has not imported torch, which takes a second."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)
