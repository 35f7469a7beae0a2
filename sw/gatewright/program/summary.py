"""What a compiled program will do: its commands with their bounds, its layers, and what its host steps cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gatewright.program.check import command_words, nodes_of
from gatewright.program.compiled import CompiledProgram, FabricStep, HostStep, Layer, Variant
from gatewright.program.errors import UnsupportedProgram
from gatewright.spec.commands import AttentionFlags, DecodedCommand, GemmFlags, Opcode, decode
from gatewright.spec.config import CONFIGS, AcceleratorConfig
from gatewright.spec.memory import MemoryModel
from gatewright.spec.roofline import roofline
from gatewright.spec.vector import Combine, ElementType, Function

__all__ = [
    "CommandSummary",
    "HostSummary",
    "LayerSummary",
    "VariantSummary",
    "config_of",
    "sizes_in_words",
    "summarise",
]


@dataclass(frozen=True)
class CommandSummary:
    """One command.

    Attributes
    ----------
    index : counted through all steps of the variant.
    step : index of its step.
    node : of the model; empty where no layer claims the command.
    opcode, engine, shape : in words.
    min_cycles_compute, min_cycles_memory : its rooflines; dynamic sizes count at their capacity.
    """

    index: int
    step: int
    node: str
    opcode: str
    engine: str
    shape: str
    min_cycles_compute: int
    min_cycles_memory: int

    @property
    def min_cycles(self) -> int:
        """The higher bound."""
        return max(self.min_cycles_compute, self.min_cycles_memory)

    @property
    def bound(self) -> str:
        """Which of the two it is."""
        return "compute" if self.min_cycles_compute >= self.min_cycles_memory else "memory"


@dataclass(frozen=True)
class LayerSummary:
    """The commands of one node: bounds summed, and the quantisation error (see :class:`Layer`)."""

    node: str
    operator: str
    error: float
    own: float
    commands: tuple[CommandSummary, ...] = field(repr=False)

    @property
    def min_cycles(self) -> int:
        """Commands run one after the other: the sum of their higher bounds."""
        return sum(command.min_cycles for command in self.commands)


@dataclass(frozen=True)
class HostSummary:
    """A node that runs on the host: why, and the bytes that its step moves between device and host for one call."""

    step: int
    node: str
    reason: str
    moved_bytes: int


def sizes_in_words(dims: Mapping[str, int]) -> str:
    """The bucket sizes of a variant, for people."""
    return ", ".join(f"{name} = {size}" for name, size in dims.items()) or "all sizes"


@dataclass(frozen=True)
class VariantSummary:
    """All of a variant."""

    dims: dict[str, int]
    commands: tuple[CommandSummary, ...]
    layers: tuple[LayerSummary, ...]
    host: tuple[HostSummary, ...]
    fabric_steps: int

    @property
    def min_cycles(self) -> int:
        """Of all commands."""
        return sum(command.min_cycles for command in self.commands)

    @property
    def title(self) -> str:
        """Its bucket sizes in words."""
        return sizes_in_words(self.dims)


def config_of(program: CompiledProgram) -> AcceleratorConfig:
    """The shipped configuration that a program is compiled for. Raises :class:`UnsupportedProgram`."""
    found = CONFIGS.get(program.config)
    if found is None or found.hash != program.config_hash:
        raise UnsupportedProgram(
            f"program {program.name!r} is compiled for config {program.config!r} (hash {program.config_hash:016x}), "
            f"this release has {', '.join(f'{each.name} ({each.hash_text})' for each in CONFIGS.values())}"
        )
    return found


def summarise(
    program: CompiledProgram, variant: Variant, config: AcceleratorConfig, memory: MemoryModel | None = None
) -> VariantSummary:
    """A variant's commands, layers and host steps, with bounds under a configuration and a memory model."""
    commands: list[CommandSummary] = []
    layers: list[LayerSummary] = []
    host: list[HostSummary] = []
    for index, step in enumerate(variant.steps):
        if isinstance(step, HostStep):
            moved = _moved_bytes(variant, step)
            nodes = zip(step.nodes, step.reasons, strict=True)
            host += [HostSummary(index, node, reason, moved) for node, reason in nodes]
            continue
        mine = _commands(program, index, step, len(commands), config, memory)
        commands += mine
        layers += [_layer(layer, mine) for layer in step.layers]
    fabric_steps = sum(isinstance(step, FabricStep) for step in variant.steps)
    return VariantSummary(variant.dims, tuple(commands), tuple(layers), tuple(host), fabric_steps)


def _layer(layer: Layer, commands: list[CommandSummary]) -> LayerSummary:
    mine = tuple(commands[layer.first : layer.first + layer.count])
    return LayerSummary(layer.node, layer.operator, layer.error, layer.own, mine)


def _commands(
    program: CompiledProgram,
    index: int,
    step: FabricStep,
    first: int,
    config: AcceleratorConfig,
    memory: MemoryModel | None,
) -> list[CommandSummary]:
    nodes = nodes_of(step)
    found = []
    for position, words in enumerate(command_words(program.image, step)):
        command = decode(words.tobytes())
        least = roofline(command, config, memory)
        shape = _SHAPES[command.spec.opcode](command)
        found.append(
            CommandSummary(
                first + position,
                index,
                nodes[position],
                command.spec.name,
                command.spec.engine,
                shape,
                least.min_cycles_compute,
                least.min_cycles_memory,
            )
        )
    return found


def _moved_bytes(variant: Variant, step: HostStep) -> int:
    fabric = [each for each in variant.steps if isinstance(each, FabricStep)]
    read = {place.name: place.nbytes for each in fabric for place in each.outputs if place.name in step.inputs}
    written = {place.name: place.nbytes for each in fabric for place in each.inputs if place.name in step.outputs}
    return sum(read.values()) + sum(written.values())


def _gemm(command: DecodedCommand) -> str:
    after = ""
    if command.flags & GemmFlags.EPILOGUE:
        after = f", {_words(command)}, to {ElementType(command['c_type']).name.lower()}"
    return f"[{command['m']}, {command['k']}] x [{command['k']}, {command['n']}]{after}"


def _attention(command: DecodedCommand) -> str:
    causal = ", causal" if command.flags & AttentionFlags.CAUSAL else ""
    sizes = f"{command['seq_q']} queries, {command['seq_kv']} keys, {command['heads']} heads of {command['head_dim']}"
    return sizes + causal


def _aggregate(command: DecodedCommand) -> str:
    return f"[{command['rows']}, {command['cols']}] of {command['nnz']} edges, {command['features']} features"


def _vector(command: DecodedCommand) -> str:
    types = [ElementType(command[f"{name}_type"]).name.lower() for name in ("a", "y")]
    return f"[{command['rows']}, {command['cols']}] {_words(command)}, {' to '.join(types)}"


def _words(command: DecodedCommand) -> str:
    """What the vector engine does."""
    what = [Combine(command["combine"]).name, Function(command["function"]).name]
    return " ".join([word.lower() for word in what if word not in ("ALONE", "NONE")] or ["requantise"])


_SHAPES: dict[Opcode, Callable[[DecodedCommand], str]] = {
    Opcode.GEMM: _gemm,
    Opcode.ATTENTION: _attention,
    Opcode.AGGREGATE: _aggregate,
    Opcode.VECTOR: _vector,
}
