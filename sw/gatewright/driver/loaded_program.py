"""A compiled program in device memory: placed once, then called as a function of its inputs.

A call converts the inputs, sets the command fields that depend on dynamic sizes, rings once for each fabric step, and
converts the outputs. Nothing of it grows with the program's constants or the number of its commands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DeviceMemory
from gatewright.driver.command_list import CommandList
from gatewright.driver.errors import ConfigMismatch, DriverError, OutOfDeviceMemory
from gatewright.driver.gate import Gate, exclusive
from gatewright.driver.host_step import HostRunner
from gatewright.program.check import check, command_words, nodes_of
from gatewright.program.compiled import CompiledProgram, FabricStep, Placement, Value, Variant, shape_at
from gatewright.program.convert import EmptyMask, Saturation, accept, bind, decode, empty_mask, encode, pad
from gatewright.program.errors import InputError, ProgramError
from gatewright.spec.commands import COMMANDS, FLAGS_LSB, CommandSpec, Field, Kind
from gatewright.spec.commands import check as check_command
from gatewright.spec.commands import decode as decode_command
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import ALIGNMENT

__all__ = ["CallReport", "LoadedProgram"]

Array = npt.NDArray[Any]
Launch = Callable[[CommandList, int], None]


@dataclass(frozen=True)
class CallReport:
    """What a call did besides its outputs.

    Attributes
    ----------
    variant : of the program that ran.
    host_seconds : of each host step.
    saturated : inputs, and results of host steps, with elements outside the range that the program was calibrated for.
    empty : masks that leave nothing of a sequence.
    """

    variant: Variant
    host_seconds: tuple[float, ...]
    saturated: tuple[Saturation, ...]
    empty: tuple[EmptyMask, ...]


class LoadedProgram(AbstractContextManager["LoadedProgram"]):
    """A program on an accelerator, made by :meth:`Accelerator.load`. A context manager that frees its memory.

    Threads may share it as they share the accelerator: a call has the accelerator to itself from its first step to its
    last. Outputs are copies.

    Parameters
    ----------
    program : what to load.
    config : the accelerator's.
    gate : the accelerator's.
    allocate : gives device memory.
    launch : runs the commands at an address and waits for their end.

    Raises :class:`ProgramError` and :class:`ConfigMismatch` before anything is allocated,
    :class:`OutOfDeviceMemory`.

    Attributes
    ----------
    program : as given.
    """

    def __init__(
        self,
        program: CompiledProgram,
        config: AcceleratorConfig,
        gate: Gate,
        allocate: Callable[[int], DeviceMemory],
        launch: Launch,
    ) -> None:
        _same_config(program, config)
        check(program)
        self.program = program
        self._gate = gate
        self._allocate = allocate
        self._launch = launch
        self._report: CallReport | None = None
        self._memory: DeviceMemory | None = None
        self._variants = [_LoadedVariant(variant, program, config) for variant in program.variants]
        try:
            self._place()
        except BaseException:
            self.close()
            raise

    @exclusive
    def _place(self) -> None:
        program = self.program
        try:
            self._memory = memory = self._allocate(max(program.nbytes, 1))  # all of it may run on the host
        except OutOfDeviceMemory as error:
            raise OutOfDeviceMemory(f"program {program.name!r} takes {program.nbytes:,} bytes: {error}") from error
        memory.array[: program.image.nbytes] = program.image
        for variant in self._variants:
            variant.place(memory)
        memory.flush(0, program.image.nbytes)

    def __call__(self, /, **inputs: npt.ArrayLike) -> dict[str, Array]:
        """Run the program: its outputs by name, cut to the sizes of the inputs.

        Raises :class:`InputError` naming an input that it does not take, before anything runs, and what
        :meth:`Accelerator.run` raises.
        """
        return self.call_with_report(**inputs)[0]

    async def call_async(self, /, **inputs: npt.ArrayLike) -> dict[str, Array]:
        """Await a call, see :meth:`Accelerator.call_async`."""
        return await self._gate.run_async(self, **inputs)

    def call_with_report(self, /, **inputs: npt.ArrayLike) -> tuple[dict[str, Array], CallReport]:
        """As a call, and its own report, which :attr:`report` is only until another thread's call."""
        self._gate.check()
        values, sizes = _accepted(self.program.variants[0].inputs, inputs)
        loaded = _choose(self._variants, sizes)
        variant = loaded.variant
        held = variant.capacity | sizes | variant.dims  # between the steps
        empty = loaded.empty(values)
        values = {value.name: pad(value, values[value.name], held) for value in variant.inputs}
        values, report = self._run(loaded, values, held, empty)
        return {value.name: _cut(value, values[value.name], sizes) for value in variant.outputs}, report

    @exclusive
    def _run(
        self, loaded: _LoadedVariant, values: dict[str, Array], sizes: dict[str, int], empty: tuple[EmptyMask, ...]
    ) -> tuple[dict[str, Array], CallReport]:
        if self._memory is None:
            raise DriverError(f"program {self.program.name!r} has been closed")
        seconds: list[float] = []
        saturated: list[Saturation] = []
        for step in loaded.steps:
            if isinstance(step, HostRunner):
                start = time.perf_counter()
                values |= step.run(values)
                seconds.append(time.perf_counter() - start)
            else:
                values |= step.run(values, sizes, self._memory, self._launch, saturated)
        self._report = report = CallReport(loaded.variant, tuple(seconds), tuple(saturated), empty)
        return values, report

    @property
    def report(self) -> CallReport:
        """Of the last call that ended well, whichever thread made it. Raises :class:`DriverError` before the first."""
        if self._report is None:
            raise DriverError(f"program {self.program.name!r} has not been called")
        return self._report

    def close(self) -> None:
        """Free the memory, at the end of the call that runs; a second call does nothing."""
        memory, self._memory = self._memory, None
        if memory is not None:
            self._gate.free(memory)

    def __exit__(self, *exception: object) -> None:
        self.close()


# ---- parts of a program


class _LoadedVariant:
    """A variant's steps, and the smallest values of its dynamic sizes."""

    def __init__(self, variant: Variant, program: CompiledProgram, config: AcceleratorConfig) -> None:
        self.variant = variant
        self.steps = [
            _LoadedStep(step, variant, program, config) if isinstance(step, FabricStep) else HostRunner(step)
            for step in variant.steps
        ]
        self._fabric = [step for step in self.steps if isinstance(step, _LoadedStep)]
        self.least = {
            name: max((step.least.get(name, 0) for step in self._fabric), default=0) for name in variant.capacity
        }

    def empty(self, inputs: dict[str, Array]) -> tuple[EmptyMask, ...]:
        """The masks among the inputs, before they are padded, that leave nothing of a sequence."""
        masks = [placement for step in self._fabric for placement in step.inputs if placement.name in inputs]
        found = (empty_mask(placement, inputs[placement.name]) for placement in masks)
        return tuple(dict.fromkeys(each for each in found if each))

    def place(self, memory: DeviceMemory) -> None:
        for step in self._fabric:
            step.place(memory)


class _LoadedStep:
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


# ---- checks


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


def _same_config(program: CompiledProgram, config: AcceleratorConfig) -> None:
    if program.config_hash != config.hash:
        raise ConfigMismatch(
            f"program {program.name!r} is compiled for config {program.config!r} (hash {program.config_hash:016x}), "
            f"this accelerator is {config.name!r} (hash {config.hash_text})"
        )


def _accepted(wanted: tuple[Value, ...], given: dict[str, Any]) -> tuple[dict[str, Array], dict[str, int]]:
    """The inputs as arrays, and the sizes of their named dimensions."""
    names = [value.name for value in wanted]
    for name in [*names, *given]:
        if name not in given or name not in names:
            what = "missing" if name in names else "unknown"
            raise InputError(f"input {name!r} is {what}, allowed: {', '.join(names)}")
    values: dict[str, Array] = {}
    sizes: dict[str, int] = {}
    for value in wanted:
        values[value.name] = accept(value, given[value.name])
        bind(value, values[value.name], sizes)
    return values, sizes


def _choose(variants: list[_LoadedVariant], sizes: dict[str, int]) -> _LoadedVariant:
    """The first variant whose buckets hold the sizes."""
    for loaded in variants:
        if all(1 <= sizes.get(name, 1) <= bucket for name, bucket in loaded.variant.dims.items()):
            for name, most in loaded.variant.capacity.items():
                if not loaded.least[name] <= sizes.get(name, most) <= most:
                    raise InputError(f"dimension {name!r} is {sizes[name]}, allowed {loaded.least[name]}..{most}")
            return loaded
    dims = [loaded.variant.dims for loaded in variants]
    found = ", ".join(f"{name} = {sizes[name]}" for name in dims[0] if name in sizes)
    buckets = "; ".join(", ".join(f"{name} 1..{size}" for name, size in each.items()) for each in dims)
    raise InputError(f"no bucket holds {found}, allowed: {buckets}")


def _shaped(placement: Placement, array: Array, sizes: dict[str, int]) -> Array:
    shape = shape_at(placement.shape, sizes)
    if array.shape != shape:
        raise DriverError(f"value {placement.name!r} between two steps has shape {array.shape}, allowed: {shape}")
    return array


def _cut(value: Value, array: Array, sizes: dict[str, int]) -> Array:
    """A copy without what the bucket added."""
    ends = (sizes.get(size) if isinstance(size, str) else size for size in value.shape)
    return np.array(array[tuple(slice(end) for end in ends)])
