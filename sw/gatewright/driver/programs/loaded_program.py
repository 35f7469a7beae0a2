"""A compiled program in device memory: placed once, then called as a function of its inputs.

A call converts the inputs, sets the command fields that depend on dynamic sizes, rings once for each fabric step, and
converts the outputs. Nothing of it grows with the program's constants or the number of its commands.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DeviceMemory
from gatewright.driver.errors import ConfigMismatch, DriverError, OutOfDeviceMemory
from gatewright.driver.gate import Gate, exclusive
from gatewright.driver.programs.command_list import CommandList
from gatewright.driver.programs.host_step import HostRunner
from gatewright.driver.programs.layout import Group
from gatewright.driver.programs.loaded_step import Array, Launch, Memories
from gatewright.driver.programs.loaded_variant import LoadedVariant, choose
from gatewright.driver.stopwatch import CallSeconds, Stopwatch, TimedMemory
from gatewright.program.check import check
from gatewright.program.compiled import CompiledProgram, Value, Variant
from gatewright.program.convert import EmptyMask, Saturation
from gatewright.program.errors import DamagedProgram
from gatewright.program.inputs import Inputs
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import MemoryModel

__all__ = ["CallReport", "LoadedProgram"]


class Allocate(Protocol):
    """Gives device memory."""

    def __call__(self, nbytes: int, *, reads: bool) -> DeviceMemory: ...


@dataclass(frozen=True)
class CallReport:
    """What a call did besides its outputs.

    Attributes
    ----------
    variant : of the program that ran.
    host_seconds : of each host step.
    saturated : inputs, and results of host steps, with elements outside the range that the program was calibrated for.
    empty : masks that leave nothing of a sequence.
    seconds : where the time went, from the call's turn on.
    """

    variant: Variant
    host_seconds: tuple[float, ...]
    saturated: tuple[Saturation, ...]
    empty: tuple[EmptyMask, ...]
    seconds: CallSeconds


class LoadedProgram(AbstractContextManager["LoadedProgram"]):
    """A program on an accelerator, made by :meth:`Accelerator.load`. A context manager that frees its memory.

    Threads may share it as they share the accelerator: a call has the accelerator to itself from its first step to its
    last. Outputs are copies.

    Parameters
    ----------
    program : what to load.
    config, memory, gate : the accelerator's.
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
        memory: MemoryModel,
        gate: Gate,
        allocate: Allocate,
        launch: Launch,
    ) -> None:
        _same_config(program, config)
        check(program)
        self.program = program
        self._inputs = Inputs(program.variants[0].inputs)
        self._gate = gate
        self._allocate = allocate
        self._doorbell = launch
        self._watch = Stopwatch()
        self._report: CallReport | None = None
        self._memories: Memories | None = None
        self._variants: list[LoadedVariant] = []
        for variant in program.variants:
            at = self._variants[-1].end if self._variants else 0
            self._variants.append(LoadedVariant(variant, program, config, memory, at))
        try:
            self._place()
        except BaseException:
            self.close()
            raise

    @exclusive
    def _place(self) -> None:
        program = self.program
        layouts = [variant.layout(program, self._variants[-1].end) for variant in self._variants]
        memories: dict[Group, DeviceMemory] = {}
        self._memories = memories
        try:
            for group in Group:
                nbytes = max(max(layout.nbytes[group] for layout in layouts), 1)  # all of it may run on the host
                read = any(group in layout.read for layout in layouts)
                memories[group] = TimedMemory(self._allocate(nbytes, reads=read), self._watch)
        except OutOfDeviceMemory as error:
            raise OutOfDeviceMemory(f"program {program.name!r} takes {program.nbytes:,} bytes: {error}") from error
        memories[Group.CONSTANT].array[: program.image.nbytes] = program.image
        for variant, layout in zip(self._variants, layouts, strict=True):
            variant.place(layout, memories)
        for group in (Group.CONSTANT, Group.INPUT):
            memories[group].flush()

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
        values, sizes = self._inputs.accept(inputs)
        loaded = choose(self._variants, sizes)
        variant = loaded.variant
        held = variant.capacity | sizes | variant.dims  # between the steps
        empty = loaded.empty(values)
        values, report = self._run(loaded, self._inputs.pad(values, held), held, empty)
        outputs = {
            value.name: _cut(value, values[value.name], sizes, value.name in loaded.fresh) for value in variant.outputs
        }
        return outputs, report

    @exclusive
    def _run(
        self, loaded: LoadedVariant, values: dict[str, Array], sizes: dict[str, int], empty: tuple[EmptyMask, ...]
    ) -> tuple[dict[str, Array], CallReport]:
        if self._memories is None:
            raise DriverError(f"program {self.program.name!r} has been closed")
        self._watch.start()
        seconds: list[float] = []
        saturated: list[Saturation] = []
        for step in loaded.steps:
            if isinstance(step, HostRunner):
                start = time.perf_counter()
                values |= step.run(values)
                seconds.append(time.perf_counter() - start)
            else:
                values |= step.run(values, sizes, self._memories, self._launch, saturated)
        times = self._watch.stop()
        self._report = report = CallReport(loaded.variant, tuple(seconds), tuple(saturated), empty, times)
        return values, report

    def _launch(self, commands: CommandList, address: int) -> None:
        self._watch.accelerating(self._doorbell, commands, address)

    @property
    def report(self) -> CallReport:
        """Of the last call that ended well, whichever thread made it. Raises :class:`DriverError` before the first."""
        if self._report is None:
            raise DriverError(f"program {self.program.name!r} has not been called")
        return self._report

    def close(self) -> None:
        """Free the memory, at the end of the call that runs; a second call does nothing."""
        memories, self._memories = self._memories, None
        for memory in (memories or {}).values():
            self._gate.free(memory)

    def __exit__(self, *exception: object) -> None:
        self.close()


def _same_config(program: CompiledProgram, config: AcceleratorConfig) -> None:
    if program.config_hash != config.hash:
        raise ConfigMismatch(
            f"program {program.name!r} is compiled for config {program.config!r} (hash {program.config_hash:016x}), "
            f"this accelerator is {config.name!r} (hash {config.hash_text})"
        )


def _cut(value: Value, array: Array, sizes: dict[str, int], fresh: bool) -> Array:
    """The array without what the bucket added, as a copy unless nothing else holds it (``fresh``). Raises
    :class:`DamagedProgram` where the steps make less than declared."""
    ends = tuple(sizes.get(size) if isinstance(size, str) else size for size in value.shape)
    fits = len(ends) == array.ndim and all(
        end is None or end <= size for end, size in zip(ends, array.shape, strict=False)
    )
    if not fits:
        raise DamagedProgram(f"output {value.name} is declared as {value.shape}, its step makes {array.shape}")
    cut = array[tuple(map(slice, ends))]
    return array if fresh and cut.shape == array.shape else np.array(cut)
