"""A fabric step in device memory: its commands with addresses of the bus, patched by each call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DeviceMemory
from gatewright.driver.errors import DriverError
from gatewright.driver.programs.command_list import CommandList
from gatewright.driver.programs.layout import Group, Layout
from gatewright.program.check import command_words, nodes_of
from gatewright.program.compiled import CompiledProgram, FabricStep, Placement, Variant, dimension, shape_at
from gatewright.program.convert import Converter, Saturation
from gatewright.program.errors import ProgramError
from gatewright.spec.commands import COMMANDS, FLAGS_LSB, CommandSpec, Field, Kind
from gatewright.spec.commands import check as check_command
from gatewright.spec.commands import decode as decode_command
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import ALIGNMENT, MemoryModel

__all__ = ["Array", "Launch", "LoadedStep", "Memories"]

Array = npt.NDArray[Any]

Launch = Callable[[CommandList, int], None]

Memories = Mapping[Group, DeviceMemory]


class LoadedStep:
    """A fabric step: its commands with addresses of the bus, and the fields that depend on dynamic sizes.

    Parameters
    ----------
    step, variant, program : what it is of the program.
    config, memory : the accelerator's.
    at : where its commands lie in the memory of the inputs.

    Raises :class:`ProgramError` for commands that the accelerator would refuse.
    """

    def __init__(
        self,
        step: FabricStep,
        variant: Variant,
        program: CompiledProgram,
        config: AcceleratorConfig,
        memory: MemoryModel,
        at: int,
    ) -> None:
        self.step = step
        self._hardware = config, memory
        self._at = at
        self._words = command_words(program.image, step).copy()
        self._opcodes = self._words[:, 0] & ((1 << FLAGS_LSB) - 1)
        self._nodes = nodes_of(step)
        self._fields = [
            (patch, COMMANDS[int(self._opcodes[patch.command])].field(patch.field)) for patch in step.patches
        ]
        self._dims = list(dict.fromkeys(patch.dim for patch in step.patches))
        given = {dimension(size)[0] for value in variant.inputs for size in value.shape if isinstance(size, str)}
        self._counted = [
            (placement.name, axis, size, variant.capacity[size])
            for placement in step.inputs
            for axis, size in enumerate(placement.shape)
            if isinstance(size, str) and size in variant.capacity and size not in given
        ]
        self.least: dict[str, int] = {}
        for patch, field in self._fields:
            low = (1 if field.kind is Kind.SIZE else 0) - patch.addend
            self.least[patch.dim] = max(self.least.get(patch.dim, 0), low)
            self._set(patch.command, field, variant.capacity[patch.dim] + patch.addend)
        self._check(program.name, config)

    def _check(self, program: str, config: AcceleratorConfig) -> None:
        """Refuse what the accelerator would refuse."""
        for index, words in enumerate(self._words):
            code, detail = check_command(words.tobytes(), config)
            if code is not ErrorCode.NONE:
                spec = COMMANDS[int(self._opcodes[index])]
                what = f"program {program!r}: command {index} ({spec.name}, node {self._nodes[index]!r})"
                raise ProgramError(
                    f"{what} has {code.name} in word {detail}{_faults(words, spec, config)}: {code.meaning}"
                )

    @property
    def words(self) -> npt.NDArray[np.uint32]:
        """The commands, uint32 [count, 16]; before :meth:`place`, with addresses of the program."""
        return self._words

    def place(self, layout: Layout, memories: Memories) -> None:
        """Write the commands, relocated to the memories."""
        bases = {group: memory.address for group, memory in memories.items()}
        for opcode, spec in COMMANDS.items():
            mine = self._opcodes == opcode
            for field in spec.fields:
                if field.kind is Kind.ADDRESS:
                    self._words[mine, field.word] = layout.addresses(self._words[mine, field.word], bases)
        self._commands = CommandList((words.tobytes() for words in self._words), *self._hardware, self._nodes)
        raw = self._words.reshape(-1).view(np.uint8)
        memories[Group.INPUT].array[self._at : self._at + raw.nbytes] = raw
        self._written, self._read = (
            [(group, Converter(moved)) for group, moved in map(layout.moved, placements)]
            for placements in (self.step.inputs, self.step.outputs)
        )
        self._flushed, self._invalidated = (
            list(dict.fromkeys(group for group, _ in values)) for values in (self._written, self._read)
        )
        self._mixed = [group for group in self._flushed if group in layout.mixed]
        self._sizes: dict[str, int] = {}

    def run(
        self,
        values: dict[str, Array],
        sizes: dict[str, int],
        memories: Memories,
        launch: Launch,
        saturated: list[Saturation],
    ) -> dict[str, Array]:
        """Inputs in, one doorbell, outputs back; appends to ``saturated``."""
        for group in self._mixed:
            memories[group].invalidate()
        flushed = self._flushed
        sizes |= self._counts(values)
        wanted = {dim: sizes[dim] for dim in self._dims}
        if wanted != self._sizes:
            self._sizes = {}  # until the accelerator sees them
            self._patch(wanted, memories[Group.INPUT])
            flushed = list(dict.fromkeys([*flushed, Group.INPUT]))
        arrays = {group: memories[group].array for group in self._flushed}
        for group, converter in self._written:
            value = _shaped(converter.placement, values[converter.placement.name], sizes)
            if found := converter.encode(value, arrays[group]):
                saturated.append(found)
        for group in flushed:
            memories[group].flush()
        self._sizes = wanted
        launch(self._commands, memories[Group.INPUT].address + self._at)
        for group in self._invalidated:
            memories[group].invalidate()
        return {each.placement.name: each.decode(memories[group].array, sizes) for group, each in self._read}

    def _counts(self, values: dict[str, Array]) -> dict[str, int]:
        """The dynamic sizes that no input of the model has: those of what the host has made."""
        found = {}
        for name, axis, size, most in self._counted:
            count, least = values[name].shape[axis], self.least.get(size, 0)
            if not least <= count <= most:
                raise DriverError(f"{name!r}, which the host makes, has {count} elements, allowed {least}..{most}")
            found[size] = count
        return found

    def _patch(self, sizes: dict[str, int], memory: DeviceMemory) -> None:
        """Write the commands that depend on sizes."""
        for patch, field in self._fields:
            self._set(patch.command, field, sizes[patch.dim] + patch.addend)
        for index in {patch.command for patch, _ in self._fields}:
            words = self._words[index]
            start = self._at + index * words.nbytes
            memory.array[start : start + words.nbytes] = words.view(np.uint8)
            self._commands.replace(index, words.tobytes())

    def _set(self, index: int, field: Field, value: int) -> None:
        self._words[index, field.word] = field.insert(int(self._words[index, field.word]), value)


def _faults(words: npt.NDArray[np.uint32], spec: CommandSpec, config: AcceleratorConfig) -> str:
    """The first field that the configuration does not take, and what it takes; empty where it is the flags."""
    command = decode_command(words.tobytes())
    for field in spec.checked_fields(config):
        fault = field.fault(command[field.name], config, command.flags)
        if fault is not ErrorCode.NONE:
            most, step = field.limits(config, command.flags)
            low, high = (1, most) if field.kind is Kind.SIZE else (0, field.most or field.range[1])
            step = ALIGNMENT if fault is ErrorCode.UNALIGNED else step
            multiples = f", multiples of {step}" if step > 1 else ""
            return f" ({field.name} is {command[field.name]}, allowed {low}..{high}{multiples})"
    return ""


def _shaped(placement: Placement, array: Array, sizes: dict[str, int]) -> Array:
    shape = shape_at(placement.shape, sizes)
    if array.shape != shape:
        raise DriverError(f"value {placement.name!r} between two steps has shape {array.shape}, allowed: {shape}")
    return array
