"""A fabric step in device memory: its commands with addresses of the bus, patched by each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DeviceMemory
from gatewright.driver.errors import DriverError
from gatewright.driver.programs.command_list import CommandList
from gatewright.program.check import command_words, nodes_of
from gatewright.program.compiled import CompiledProgram, FabricStep, Placement, Variant, shape_at
from gatewright.program.convert import Saturation, decode, encode
from gatewright.program.errors import ProgramError
from gatewright.spec.commands import COMMANDS, FLAGS_LSB, CommandSpec, Field, Kind
from gatewright.spec.commands import check as check_command
from gatewright.spec.commands import decode as decode_command
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import ALIGNMENT

__all__ = ["Array", "Launch", "LoadedStep"]

Array = npt.NDArray[Any]

Launch = Callable[[CommandList, int], None]


class LoadedStep:
    """A fabric step: its commands with addresses of the bus, and the fields that depend on dynamic sizes."""

    def __init__(self, step: FabricStep, variant: Variant, program: CompiledProgram, config: AcceleratorConfig) -> None:
        self._step, self.inputs = step, step.inputs
        self._words = command_words(program.image, step).copy()
        self._opcodes = self._words[:, 0] & ((1 << FLAGS_LSB) - 1)
        self._nodes = nodes_of(step)
        self._fields = [
            (patch, COMMANDS[int(self._opcodes[patch.command])].field(patch.field)) for patch in step.patches
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

    def place(self, memory: DeviceMemory) -> None:
        """Write the commands, relocated to the memory."""
        for opcode, spec in COMMANDS.items():
            mine = self._opcodes == opcode
            for field in spec.fields:
                if field.kind is Kind.ADDRESS:
                    self._words[mine, field.word] += np.uint32(memory.address)
        self._commands = CommandList((words.tobytes() for words in self._words), self._nodes)
        start = self._step.offset
        memory.array[start : start + self._words.nbytes] = self._words.reshape(-1).view(np.uint8)

    def run(
        self,
        values: dict[str, Array],
        sizes: dict[str, int],
        memory: DeviceMemory,
        launch: Launch,
        saturated: list[Saturation],
    ) -> dict[str, Array]:
        """Inputs in, one doorbell, outputs back; appends to ``saturated``."""
        array = memory.array
        self._patch(sizes, memory)
        for placement in self._step.inputs:
            found = encode(placement, _shaped(placement, values[placement.name], sizes), array)
            saturated += [found] if found else []
            memory.flush(placement.offset, placement.offset + placement.nbytes)
        launch(self._commands, memory.address + self._step.offset)
        results = {}
        for placement in self._step.outputs:
            memory.invalidate(placement.offset, placement.offset + placement.nbytes)
            results[placement.name] = decode(placement, array, sizes)
        return results

    def _patch(self, sizes: dict[str, int], memory: DeviceMemory) -> None:
        changed = set()
        for patch, field in self._fields:
            self._set(patch.command, field, sizes[patch.dim] + patch.addend)
            changed.add(patch.command)
        for index in changed:
            words = self._words[index]
            start = self._step.offset + index * words.nbytes
            memory.array[start : start + words.nbytes] = words.view(np.uint8)
            memory.flush(start, start + words.nbytes)
            self._commands.replace(index, words.tobytes())

    def _set(self, index: int, field: Field, value: int) -> None:
        self._words[index, field.word] = field.insert(int(self._words[index, field.word]), value)


def _faults(words: npt.NDArray[np.uint32], spec: CommandSpec, config: AcceleratorConfig) -> str:
    """The first field that the configuration does not take, and what it takes; empty where it is the flags."""
    command = decode_command(words.tobytes())
    for field in spec.fields:
        fault = field.fault(command[field.name], config)
        if fault is not ErrorCode.NONE:
            step = ALIGNMENT if fault is ErrorCode.UNALIGNED else field.multiple
            low, high = (1, field.maximum(config)) if field.kind is Kind.SIZE else (0, field.most or field.range[1])
            multiples = f", multiples of {step}" if step > 1 else ""
            return f" ({field.name} is {command[field.name]}, allowed {low}..{high}{multiples})"
    return ""


def _shaped(placement: Placement, array: Array, sizes: dict[str, int]) -> Array:
    shape = shape_at(placement.shape, sizes)
    if array.shape != shape:
        raise DriverError(f"value {placement.name!r} between two steps has shape {array.shape}, allowed: {shape}")
    return array
