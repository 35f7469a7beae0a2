"""Which parts of a program are moved apart, and which stay together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gatewright.driver.programs.layout import Group, Layout
from gatewright.program.check import command_words
from gatewright.program.compiled import CompiledProgram, FabricStep, Placement


def layout_of(program: CompiledProgram, commands_nbytes: int = 0) -> Layout:
    (variant,) = program.variants
    words = [command_words(program.image, step) for step in variant.steps if isinstance(step, FabricStep)]
    return Layout(program, variant, words, commands_nbytes)


def step_of(program: CompiledProgram) -> FabricStep:
    (step,) = program.variants[0].steps
    assert isinstance(step, FabricStep)
    return step


def moved(program: CompiledProgram, change: Any) -> CompiledProgram:
    """With another first output, in the placements alone."""
    step = step_of(program)
    outputs = (change(step.outputs[0], step.inputs[0]), *step.outputs[1:])
    variant = replace(program.variants[0], steps=(replace(step, outputs=outputs),))
    return replace(program, variants=(variant,))


def test_each_group_begins_at_its_start(programs: Any) -> None:
    program = programs.linear()
    layout = layout_of(program, commands_nbytes=64)
    step = step_of(program)
    assert [span.group for span in layout.spans] == [Group.CONSTANT, Group.INPUT, Group.OUTPUT]
    assert layout.moved(step.inputs[0]) == (Group.INPUT, replace(step.inputs[0], offset=64))
    assert layout.moved(step.outputs[0]) == (Group.OUTPUT, replace(step.outputs[0], offset=0))
    assert layout.nbytes[Group.CONSTANT] >= program.image.nbytes
    assert layout.nbytes[Group.WORKSPACE] == 0
    assert (layout.read, layout.mixed) == ({Group.OUTPUT}, set())


def test_what_overlaps_stays_together(programs: Any) -> None:
    def onto_the_input(output: Placement, given: Placement) -> Placement:
        return replace(output, offset=given.offset + 8)

    program = moved(programs.linear(), onto_the_input)
    layout = layout_of(program)
    step = step_of(program)
    (group, given), (same, output) = (layout.moved(each) for each in (step.inputs[0], step.outputs[0]))
    assert group == same == Group.OUTPUT
    assert output.offset - given.offset == 8


def test_addresses_follow_their_spans(programs: Any) -> None:
    program = programs.linear()
    layout = layout_of(program)
    bases = {group: 0x1000_0000 * (index + 1) for index, group in enumerate(Group)}
    step = step_of(program)
    offsets = np.array([0, 64, step.inputs[0].offset, step.outputs[0].offset + 8], np.uint32)
    assert [hex(each) for each in layout.addresses(offsets, bases)] == [
        hex(bases[Group.CONSTANT]),
        hex(bases[Group.CONSTANT] + 64),
        hex(bases[Group.INPUT]),
        hex(bases[Group.OUTPUT] + 8),
    ]


@pytest.mark.parametrize("kind", ["linear", "aggregate"])
def test_constants_are_written_once_and_never_read(kind: str, programs: Any) -> None:
    layout = layout_of(getattr(programs, kind)())
    assert Group.CONSTANT not in layout.read | layout.mixed
