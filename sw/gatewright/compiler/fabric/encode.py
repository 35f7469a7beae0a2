"""Assembles command lists, constants and the memory plan of one or more variants into a compiled program's image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.allocate import align, constant_lifetimes, lifetimes, place_apart, place_constants
from gatewright.compiler.fabric.kernels import Buffer, Dim, Kernel, View, most
from gatewright.program.compiled import FabricStep, HostStep, Layer, Patch, Placement, Region, Step, Value, Variant
from gatewright.spec.commands import check, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import COMMAND_BYTES

__all__ = ["Port", "UnplacedStep", "UnplacedVariant", "assemble"]

ADDRESS_SPACE = 1 << 32


@dataclass(frozen=True, eq=False)
class Port:
    """A value that crosses the boundary of the fabric: its placement but for the address, and its place to be."""

    placement: Placement
    view: View


@dataclass(eq=False)
class UnplacedStep:
    """A step of the fabric before addresses are known."""

    kernels: list[Kernel] = field(default_factory=list)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)


@dataclass(eq=False)
class UnplacedVariant:
    """A variant before addresses are known."""

    dims: dict[str, int]
    capacity: dict[str, int]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    steps: list[UnplacedStep | HostStep]


def assemble(
    plans: Sequence[UnplacedVariant], config: AcceleratorConfig, memory_bytes: int
) -> tuple[npt.NDArray[np.uint8], int, tuple[Variant, ...]]:
    """The image, the size of the allocation, and the variants.

    Raises :class:`CompileError` naming the node of a command that the configuration cannot hold, or when the program
    needs more than ``memory_bytes``.
    """
    fabric = [step for plan in plans for step in plan.steps if isinstance(step, UnplacedStep)]
    commands = sum(align(COMMAND_BYTES * len(step.kernels)) for step in fabric)
    constants = [
        buffer for step in fabric for kernel in step.kernels for buffer in kernel.inputs if buffer.role == "constant"
    ]
    fixed, image_bytes = place_constants(constants, commands)
    image = np.zeros(image_bytes, np.uint8)
    for buffer, offset in fixed.items():
        assert buffer.data is not None
        image[offset : offset + buffer.nbytes] = buffer.data

    variants: list[Variant] = []
    nbytes, at = image_bytes, 0
    for plan in plans:
        steps: list[Step] = []
        regions: list[Region] = []
        before = 0
        for step in plan.steps:
            if isinstance(step, HostStep):
                steps.append(step)
                continue
            spans = lifetimes(step.kernels)
            offsets, end = place_apart(spans, image_bytes)
            nbytes = max(nbytes, end)
            places = fixed | offsets
            encoded = _encode(step.kernels, places, config)
            image[at : at + len(encoded)] = np.frombuffer(encoded, np.uint8)
            steps.append(_step(step, at, offsets))
            regions.append(Region("commands", "commands", at, len(encoded), before, before + len(step.kernels) - 1))
            regions += [
                Region(each.name, each.role, places[each], each.nbytes, before + span.first, before + span.last)
                for each, span in (spans | constant_lifetimes(step.kernels)).items()
            ]
            at += align(len(encoded))
            before += len(step.kernels)
        variants.append(Variant(plan.dims, plan.capacity, plan.inputs, plan.outputs, tuple(steps), tuple(regions)))
    if nbytes > memory_bytes:
        raise CompileError(
            f"the program needs {nbytes:,} bytes of device memory ({image_bytes:,} of commands and constants), "
            f"allowed at most {memory_bytes:,}; the largest piece is {_largest(fabric)}"
        )
    return image, nbytes, tuple(variants)


def _largest(steps: Sequence[UnplacedStep]) -> str:
    """The name and the node of the largest buffer."""
    uses = [(buffer, each) for step in steps for each in step.kernels for buffer in (*each.inputs, each.output)]
    buffer, kernel = max(uses, key=lambda use: use[0].nbytes)
    return f"{buffer.name!r} of node {kernel.node} ({kernel.operator}) with {buffer.nbytes:,} bytes"


def _encode(kernels: Sequence[Kernel], offsets: dict[Buffer, int], config: AcceleratorConfig) -> bytes:
    encoded = []
    for kernel in kernels:
        values = {name: most(size) for name, size in kernel.values.items()}
        values |= {name: offsets[view.buffer] + view.offset for name, view in kernel.views.items()}
        for each in kernel.spec.fields:  # operands that a command does not use
            values.setdefault(each.name, 0)
        over = max(offsets[view.buffer] for view in kernel.views.values())
        if over >= ADDRESS_SPACE:
            raise CompileError(f"{kernel.node}: the program needs more than {ADDRESS_SPACE:,} bytes of device memory")
        raw = encode(kernel.spec, kernel.flags, **values)
        code, word = check(raw, config)
        if code is not ErrorCode.NONE:
            fields = ", ".join(f"{each.name} {values[each.name]}" for each in kernel.spec.fields if each.word == word)
            raise CompileError(
                f"{kernel.node} ({kernel.operator}): config {config.name!r} cannot hold a {kernel.spec.name} command "
                f"with {fields or f'flags {kernel.flags}'}: {code.meaning}"
            )
        encoded.append(raw)
    return b"".join(encoded)


def _step(step: UnplacedStep, offset: int, offsets: dict[Buffer, int]) -> FabricStep:
    def placed(port: Port) -> Placement:
        return replace(port.placement, offset=offsets[port.view.buffer] + port.view.offset, stride=port.view.stride)

    patches = tuple(
        Patch(index, name, size.name, size.addend)
        for index, kernel in enumerate(step.kernels)
        for name, size in kernel.values.items()
        if isinstance(size, Dim)
    )
    layers = []
    first = 0
    for (node, operator), group in groupby(step.kernels, key=lambda kernel: (kernel.node, kernel.operator)):
        of_node = list(group)
        layers.append(Layer(node, operator, first, len(of_node)))
        first += len(of_node)
        layers += [Layer(*each.joined, first, 0) for each in of_node if each.joined]
    return FabricStep(
        offset,
        len(step.kernels),
        tuple(placed(port) for port in step.inputs if port.view.buffer in offsets),
        tuple(placed(port) for port in step.outputs if port.view.buffer in offsets),
        patches,
        tuple(layers),
    )
