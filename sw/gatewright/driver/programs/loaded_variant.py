"""A variant of a program in device memory, and the choice of the one that a call runs."""

from __future__ import annotations

from gatewright.driver.programs.host_step import HostRunner
from gatewright.driver.programs.layout import Layout
from gatewright.driver.programs.loaded_step import Array, LoadedStep, Memories
from gatewright.program.compiled import BIT, CompiledProgram, FabricStep, Variant
from gatewright.program.convert import EmptyMask, empty_mask
from gatewright.program.errors import InputError
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import COMMAND_BYTES, MemoryModel

__all__ = ["LoadedVariant", "choose"]


class LoadedVariant:
    """A variant's steps, and the smallest values of its dynamic sizes.

    Its commands begin at ``at`` in the memory of the inputs and end at ``end``.

    Attributes
    ----------
    fresh : names of the values that fabric steps make: each call has arrays of its own for them.
    """

    def __init__(
        self, variant: Variant, program: CompiledProgram, config: AcceleratorConfig, memory: MemoryModel, at: int
    ) -> None:
        self.variant = variant
        self.steps: list[LoadedStep | HostRunner] = []
        for step in variant.steps:
            if isinstance(step, FabricStep):
                self.steps.append(LoadedStep(step, variant, program, config, memory, at))
                at += COMMAND_BYTES * step.count
            else:
                self.steps.append(HostRunner(step))
        self.end = at
        self._fabric = [step for step in self.steps if isinstance(step, LoadedStep)]
        self._masks = [each for step in self._fabric for each in step.step.inputs if each.element == BIT]
        self.fresh = {each.name for step in self._fabric for each in step.step.outputs}
        self.least = {
            name: max((step.least.get(name, 0) for step in self._fabric), default=0) for name in variant.capacity
        }

    def empty(self, inputs: dict[str, Array]) -> tuple[EmptyMask, ...]:
        """The masks among the inputs, before they are padded, that leave nothing of a sequence."""
        found = (empty_mask(mask, inputs[mask.name]) for mask in self._masks if mask.name in inputs)
        return tuple(dict.fromkeys(each for each in found if each))

    def layout(self, program: CompiledProgram, commands_nbytes: int) -> Layout:
        """Where its parts lie."""
        return Layout(program, self.variant, [step.words for step in self._fabric], commands_nbytes)

    def place(self, layout: Layout, memories: Memories) -> None:
        for step in self._fabric:
            step.place(layout, memories)


def choose(variants: list[LoadedVariant], sizes: dict[str, int]) -> LoadedVariant:
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
