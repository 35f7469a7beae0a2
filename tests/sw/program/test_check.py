"""What must hold in a program whoever made it: nothing reaches beyond the program's memory or over what is constant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gatewright.program import CompiledProgram, DamagedProgram
from gatewright.program.check import check, command_words
from gatewright.spec.commands import AGGREGATE, ATTENTION, GEMM, VECTOR, CommandSpec, GemmFlags


@pytest.mark.parametrize("name", ["linear", "with_host_step", "attention", "aggregate", "vector"])
def test_sound_programs_pass(name: str, programs: Any) -> None:
    check(getattr(programs, name)())


def _with(program: CompiledProgram, spec: CommandSpec, flags: int = 0, **fields: int) -> CompiledProgram:
    """The program with more flags and other fields in its first command."""
    image = program.image.copy()
    words = command_words(image, program.variants[0].steps[0])[0]  # a view
    words[0] |= flags << 8
    for name, value in fields.items():
        field = spec.field(name)
        words[field.word] = field.insert(int(words[field.word]), value)
    return replace(program, image=image)


NEAR_END = -8
"""As an address: so many bytes before the allocation's end."""

# program, command, further flags, fields, and what the message says after "command 0 (NAME, node 'NODE'): "
REACHES: dict[str, tuple[str, CommandSpec, int, dict[str, int], str]] = {
    "start": ("linear", GEMM, 0, {"a_addr": 1 << 20}, r"a_addr is 1048576, allowed 0\.\."),
    "rows": ("linear", GEMM, 0, {"a_addr": NEAR_END}, "a_addr has bytes .* read, allowed 0 to"),
    "stride": ("linear", GEMM, 0, {"b_stride": 8192}, "b_addr has bytes .* read"),
    "size": ("linear", GEMM, 0, {"m": 1 << 20}, "a_addr has bytes .* read"),
    "records": ("linear", GEMM, GemmFlags.PARAMS, {"params_addr": NEAR_END}, "params_addr has bytes .* read"),
    "transposed": ("linear", GEMM, GemmFlags.B_KN, {"b_stride": 1024}, "b_addr has bytes .* read"),
    "written": ("linear", GEMM, 0, {"c_addr": NEAR_END}, "c_addr has bytes .* written"),
    "over commands": ("linear", GEMM, 0, {"c_addr": 0}, r"c_addr has bytes 0 to \d+ written, allowed \d{4,} to"),
    "over constants": ("linear", GEMM, 0, {"c_addr": 256 * 64}, "c_addr has bytes 16384 to .* written"),
    "over itself": ("linear", GEMM, 0, {"c_stride": 32}, "c_stride is 32, allowed: at least 36, a row"),
    "unused": ("linear", GEMM, 0, {"params_addr": 0xFFFF_FFF8}, "params_addr is 4294967288, allowed 0"),
    "keys": ("attention", ATTENTION, 0, {"v_stride": 4096}, "v_addr has bytes .* read"),
    "mask": ("attention", ATTENTION, 0, {"mask_addr": NEAR_END, "seq_kv": 72}, "mask_addr has bytes|k_addr has bytes"),
    "heads": ("attention", ATTENTION, 0, {"heads": 60000}, "q_addr has bytes .* read"),
    "pointers": ("aggregate", AGGREGATE, 0, {"rows": 4000}, "row_ptr_addr has bytes .* read"),
    "columns": ("aggregate", AGGREGATE, 0, {"cols": 4000}, "x_addr has bytes .* read"),
    "features": ("aggregate", AGGREGATE, 0, {"features": 60000}, "x_addr has bytes .* read"),
    "edges": ("aggregate", AGGREGATE, 0, {"weight_addr": NEAR_END}, "weight_addr has bytes .* read"),
    "table": ("vector", VECTOR, 0, {"table_addr": NEAR_END}, "table_addr has bytes .* read"),
    "type": ("vector", VECTOR, 0, {"y_type": 2, "cols": 128}, "b_addr has bytes|y_addr has bytes"),
}


@pytest.mark.parametrize("case", REACHES)
def test_what_a_command_reaches_stays_inside(case: str, programs: Any) -> None:
    name, spec, flags, fields, message = REACHES[case]
    program = getattr(programs, name)()
    node = program.variants[0].steps[0].layers[0].node
    placed = {key: program.nbytes + value if value < 0 else value for key, value in fields.items()}
    with pytest.raises(DamagedProgram, match=rf"command 0 \({spec.name}, node '{node}'\): ({message})"):
        check(_with(program, spec, flags, **placed))


def test_reaches_are_those_at_capacity(programs: Any) -> None:
    program = programs.aggregate()
    small = _with(program, AGGREGATE, nnz=1)
    check(small)
    variant = replace(small.variants[0], capacity={"edges": 4000})
    step = replace(variant.steps[0], inputs=())
    with pytest.raises(DamagedProgram, match=r"col_addr has bytes .* read"):
        check(replace(small, variants=(replace(variant, steps=(step,)),)))


def test_the_host_writes_no_input_over_what_is_constant(programs: Any) -> None:
    program = programs.linear()
    step = program.variants[0].steps[0]
    moved = replace(step, inputs=(replace(step.inputs[0], offset=0),))
    with pytest.raises(DamagedProgram, match=rf"x\.offset is 0, allowed {program.image.nbytes}\.\."):
        check(replace(program, variants=(replace(program.variants[0], steps=(moved,)),)))


PATCHES = {
    "command": ({"command": 1}, r"command is 1, allowed 0\.\.0"),
    "field": ({"field": "edges"}, "AGGREGATE has no field 'edges'"),
    "address": ({"field": "x_addr"}, "x_addr is of kind address, allowed: size or count"),
    "below zero": ({"addend": -33}, "nnz at capacity is -1, allowed 0"),
    "too wide": ({"field": "features", "addend": 1 << 16}, "features at capacity is 65568, allowed"),
}


@pytest.mark.parametrize("case", PATCHES)
def test_patches_that_make_no_sense(case: str, programs: Any) -> None:
    changes, message = PATCHES[case]
    program = programs.aggregate()
    step = program.variants[0].steps[0]
    steps = (replace(step, patches=(replace(step.patches[0], **changes),)),)
    with pytest.raises(DamagedProgram, match=message):
        check(replace(program, variants=(replace(program.variants[0], steps=steps),)))


def test_an_unknown_opcode(programs: Any) -> None:
    program = programs.linear()
    image = program.image.copy()
    image[0] = 99
    with pytest.raises(DamagedProgram, match="command 0 has the unknown opcode 99"):
        check(replace(program, image=np.asarray(image)))
