"""Golden vectors as one program: their commands in a list, their memories behind each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gatewright.program.compiled import CompiledProgram, FabricStep, Layer, Placement, Value, Variant
from gatewright.selftest.vectors import GoldenVector
from gatewright.spec.commands import Kind, decode, encode
from gatewright.spec.config import SPEC_VERSION, AcceleratorConfig
from gatewright.spec.memory import COMMAND_BYTES

__all__ = ["BEFORE", "program_of"]

BEFORE = " before"
"""Behind a vector's name: its memory as an input. The name alone is the memory afterwards, an output."""


def program_of(
    name: str, vectors: Sequence[GoldenVector], config: AcceleratorConfig, rounds: int = 1
) -> CompiledProgram:
    """A program that takes and gives each vector's memory, uint8 [nbytes], and runs all commands ``rounds`` times.

    The commands of one vector read and write its own memory alone, so that another round changes nothing.
    """
    count = rounds * len(vectors)
    at = count * COMMAND_BYTES
    commands: list[bytes] = []
    inputs: list[Placement] = []
    outputs: list[Placement] = []
    for vector in vectors:
        commands.append(_moved(vector.command, at))
        for suffix, places in ((BEFORE, inputs), ("", outputs)):
            size = vector.memory.size
            places.append(Placement(f"{vector.name}{suffix}", "uint8", (size,), at, 0, 1, size, "uint8"))
        at += -(-vector.memory.size // COMMAND_BYTES) * COMMAND_BYTES
    image = np.frombuffer(b"".join(commands * rounds), np.uint8)
    names = [vector.name for vector in vectors] * rounds
    layers = tuple(Layer(each, each.partition(" ")[0], index, 1) for index, each in enumerate(names))
    step = FabricStep(0, count, tuple(inputs), tuple(outputs), (), layers)
    given, got = (tuple(Value(place.name, "uint8", place.shape) for place in places) for places in (inputs, outputs))
    variant = Variant({}, {}, given, got, (step,))
    return CompiledProgram(name, config.name, config.hash, SPEC_VERSION, image, at, (variant,))


def _moved(command: bytes, start: int) -> bytes:
    """The command with ``start`` added to its addresses."""
    taken = decode(command)
    addresses = {field.name for field in taken.spec.fields if field.kind is Kind.ADDRESS}
    values = {name: value + start * (name in addresses) for name, value in taken.values.items()}
    return encode(taken.spec, taken.flags, **values)
