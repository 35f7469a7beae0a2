"""What compiling a model will come to, before any number is known: where each node runs, why, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir as ir

from gatewright.compiler.assign import Assignment, assign_unseen
from gatewright.compiler.bindings import Bindings
from gatewright.compiler.compile import DEVICE_MEMORY
from gatewright.compiler.fabric.encode import assemble
from gatewright.compiler.load import read_model
from gatewright.compiler.lower import load_rules
from gatewright.compiler.partition import Part, partition
from gatewright.compiler.quantisation.infinities import pole
from gatewright.compiler.remedies import remedy
from gatewright.compiler.variant import build_variant, choices
from gatewright.program.compiled import CompiledProgram
from gatewright.program.summary import LayerSummary, VariantSummary, sizes_in_words, summarise
from gatewright.spec.config import SPEC_VERSION, AcceleratorConfig, get_config

__all__ = ["CheckedNode", "CheckedVariant", "ModelCheck", "check_model"]


@dataclass(frozen=True)
class CheckedNode:
    """A node of the canonical model, which may stand for several of the export.

    Attributes
    ----------
    name, operator : of the node; operators of another domain than ONNX's with the domain.
    step : counted from 0, of the fabric and of the host.
    on_fabric : where it runs.
    why : the reason that it runs on the host; of the fabric, what calibration may find that moves it there, or why it
        has no commands.
    commands : that the fabric executes for it; 0 on the host, and where it is part of another node's commands.
    min_cycles : estimate: the roofline of those commands, dynamic sizes at their capacity.
    splits : whether it runs on the host between two doorbells.
    remedy : for a node that splits the program, what to change in the export.
    """

    name: str
    operator: str
    step: int
    on_fabric: bool
    why: str
    commands: int
    min_cycles: int
    splits: bool
    remedy: str


@dataclass(frozen=True)
class CheckedVariant:
    """A choice of bucket sizes ``dims``: its nodes by step."""

    dims: dict[str, int]
    nodes: tuple[CheckedNode, ...]
    doorbells: int
    min_cycles: int

    @property
    def title(self) -> str:
        """Its bucket sizes in words."""
        return sizes_in_words(self.dims)


@dataclass(frozen=True)
class ModelCheck:
    """Of a whole model: its name, the bytes of device memory that it will take, and a variant for each choice of
    bucket sizes, small ones first."""

    name: str
    config: AcceleratorConfig
    nbytes: int
    variants: tuple[CheckedVariant, ...]

    @property
    def doorbells(self) -> int:
        """Of the variant that needs most."""
        return max(variant.doorbells for variant in self.variants)


def check_model(
    model: str | Path | bytes | onnx.ModelProto,
    *,
    config: str | AcceleratorConfig = "pynq-z2",
    buckets: Mapping[str, Sequence[int]] | None = None,
    capacity: Mapping[str, int] | None = None,
    name: str | None = None,
    memory_bytes: int = DEVICE_MEMORY,
) -> ModelCheck:
    """Say which nodes of an ONNX model run where, and how often the fabric is rung, without calibration inputs.

    Parameters are those of :func:`~gatewright.compiler.compile.compile_model`, which then agrees but for what
    calibration alone decides: it moves nodes to the host where it sees infinities, or 0 in a divisor or logarithm,
    where errors are above `max_error`, or where no format holds the numbers; and a linear layer may take its operand
    in two int8 parts, which is twice the work. The model is lowered as if all numbers were within 1.

    Raises :class:`~gatewright.compiler.errors.CompileError` as `compile_model` does.
    """
    hardware = get_config(config) if isinstance(config, str) else config
    limits = dict(capacity or {})
    load_rules()
    source = read_model(model)
    title = name or source.graph.name or "model"

    def places(canonical: ir.Model, dynamic: dict[str, int]) -> Assignment:
        return assign_unseen(canonical, hardware, dynamic)

    plans, parts = [], []
    for dims in choices(buckets or {}):
        canonical = source.clone()
        plan, assigned = build_variant(canonical, hardware, Bindings(dims, limits), places)
        plans.append(plan)
        parts.append((partition(canonical, assigned.on_host), assigned.on_host))
    image, nbytes, variants = assemble(plans, hardware, memory_bytes)
    program = CompiledProgram(title, hardware.name, hardware.hash, SPEC_VERSION, image, nbytes, variants)
    checked = tuple(
        _variant(summarise(program, variant, hardware), *known) for variant, known in zip(variants, parts, strict=True)
    )
    return ModelCheck(title, hardware, nbytes, checked)


def _variant(summary: VariantSummary, parts: Sequence[Part], on_host: Mapping[ir.Node, str]) -> CheckedVariant:
    layers: dict[str, list[LayerSummary]] = {}
    for layer in summary.layers:
        layers.setdefault(layer.node, []).append(layer)
    nodes = []
    for step, part in enumerate(parts):
        around = parts[:step], parts[step + 1 :]
        splits = not part.on_fabric and all(any(each.on_fabric for each in side) for side in around)
        nodes += [_node(node, step, on_host.get(node), splits, layers.get(node.name or "", [])) for node in part.nodes]
    return CheckedVariant(summary.dims, tuple(nodes), summary.fabric_steps, summary.min_cycles)


def _node(node: ir.Node, step: int, reason: str | None, splits: bool, layers: Sequence[LayerSummary]) -> CheckedNode:
    commands = sum(len(layer.commands) for layer in layers)
    return CheckedNode(
        node.name or "",
        f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
        step,
        reason is None,
        _of_fabric(node, commands, bool(layers)) if reason is None else reason,
        commands,
        sum(layer.min_cycles for layer in layers),
        splits,
        remedy(node) if splits else "",
    )


def _of_fabric(node: ir.Node, commands: int, joined: bool) -> str:
    divisor = pole(node)
    if divisor is not None:
        return f"runs on the host if calibration finds that {divisor.name} can be 0"
    if commands:
        return ""
    return (
        "joined to the commands of the product before it"
        if joined
        else "needs no command: its readers read it as it lies"
    )
