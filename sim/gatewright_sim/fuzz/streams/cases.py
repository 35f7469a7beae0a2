"""Streams drawn from the contract's tables: legal commands, and some with fields at their limits or beyond."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from gatewright.spec.commands import COMMANDS, CommandSpec, Field, Kind, Opcode, decode, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.extents import operands
from gatewright.spec.memory import COMMAND_BYTES
from gatewright.spec.roofline import roofline
from gatewright_sim.fuzz.streams.stream import BASES, MEMORIES, SIZE, Run, Stream

__all__ = ["streams"]

_MOST_CYCLES = 600
"""Roofline of a command as it is drawn; one that is bent may have any."""
_MOST_EDGES = 40

Draw = st.DrawFn
Values = dict[str, int]


@st.composite
def streams(draw: Draw, config: AcceleratorConfig) -> Stream:
    """One to three programs of up to four commands, in any memory."""
    base = draw(st.sampled_from(BASES))
    memory, stalls = draw(st.sampled_from(sorted(MEMORIES))), draw(st.sampled_from((0.0, 0.0, 0.1, 0.5)))
    edits: dict[int, str] = {}
    runs = tuple(_run(draw, config, base, edits) for _ in range(draw(st.sampled_from((1, 1, 2, 3)))))
    return Stream(draw(st.integers(0, 2**31 - 1)), base, memory, stalls, edits, runs)


def _run(draw: Draw, config: AcceleratorConfig, base: int, edits: dict[int, str]) -> Run:
    layout = _Layout(draw, base)
    number = draw(st.sampled_from((1, 1, 2, 3, 4, 0)))
    address = layout.place(COMMAND_BYTES * number)
    commands = tuple(_command(draw, config, layout, edits).hex() for _ in range(number))
    bent = draw(st.integers(0, 24))
    if bent == 0:
        address = draw(_addresses(base))
    slverr = (0, 0)
    if bent == 1:
        low = draw(st.sampled_from(layout.taken) | _addresses(base)) // 8 * 8
        slverr = low, low + 8 * draw(st.sampled_from((1, 2, 16)))
    return Run(commands, address, max(0, number + (draw(st.sampled_from((-1, 1, 5))) if bent == 2 else 0)), slverr)


class _Layout:
    """Places for operands, one behind the other with gaps, or anywhere once the memory is full."""

    def __init__(self, draw: Draw, base: int) -> None:
        self._draw = draw
        self.base = base
        self._next = 8 * draw(st.sampled_from((0, 1, 100, 511)))
        self.taken: list[int] = []

    def place(self, nbytes: int) -> int:
        start = self._next + 8 * self._draw(st.sampled_from((1, 0, 2, 15)))
        if start + nbytes > SIZE:
            start = max(0, SIZE - -(-nbytes // 8) * 8)  # over what lies there, up to the very end
        self._next = -(-(start + nbytes) // 8) * 8
        self.taken.append(_wrapped(self.base + start))
        return self.taken[-1]


def _command(draw: Draw, config: AcceleratorConfig, layout: _Layout, edits: dict[int, str]) -> bytes:
    """A legal command whose operands lie apart; often with up to three fields that are others."""
    spec = draw(st.sampled_from(list(COMMANDS.values())))
    flags = _flags(draw, spec)
    values = {field.name: 0 for field in spec.fields if field.kind in (Kind.ADDRESS, Kind.STRIDE)}
    for field in spec.fields:
        if field.name not in values:
            values[field.name] = draw(_legal(field, config))
    _shrink(spec, flags, values, config)
    _place(draw, spec, flags, values, layout)
    if spec.opcode == Opcode.AGGREGATE:
        _matrix(draw, values, layout, edits)
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2, 3)))):
        field = draw(st.sampled_from(spec.fields))
        values[field.name] = draw(_bent(field, values, config, layout))
    if draw(st.integers(0, 30)) == 0:
        flags = draw(st.integers(0, 255))
    raw = encode(spec, flags, **values)
    if draw(st.integers(0, 40)) == 0:  # opcodes, and bits that no field names
        at, bits = draw(st.integers(0, COMMAND_BYTES - 1)), draw(st.integers(1, 255))
        raw = raw[:at] + bytes([raw[at] ^ bits]) + raw[at + 1 :]
    return raw


def _flags(draw: Draw, spec: CommandSpec) -> int:
    """A legal combination."""
    flags = sum(int(flag) for flag in spec.flags if draw(st.booleans()))
    if spec.at_most_one_of and flags & spec.at_most_one_of == spec.at_most_one_of:
        flags &= ~_lowest(spec.at_most_one_of)
    if spec.one_of and not flags & spec.one_of:
        flags |= _lowest(spec.one_of & ~spec.at_most_one_of)
    return flags


def _lowest(bits: int) -> int:
    return bits & -bits


def _legal(field: Field, config: AcceleratorConfig) -> st.SearchStrategy[int]:
    """Values on either side of where the hardware does something else."""
    low, high = field.range
    match field.kind:
        case Kind.SIZE:
            edges = (1, 2, 3, 4, 8, config.array_rows, config.array_cols, 2 * config.array_cols, 16, 64)
            most = field.maximum(config)
            near = {edge + by for edge in edges for by in (-1, 0, 1)} | {most - 1, most}
            each = field.multiple
            return st.sampled_from(sorted({-(-size // each) * each for size in near if 0 < size <= most}))
        case Kind.COUNT:
            return st.integers(0, _MOST_EDGES)
        case Kind.CHOICE:
            return st.integers(0, field.most)
    return st.sampled_from((0, 1, -1, low, high)).filter(lambda value: low <= value) | st.integers(low, high)


def _shrink(spec: CommandSpec, flags: int, values: Values, config: AcceleratorConfig) -> None:
    """Halve the largest of the sizes until the command is a short one."""
    sizes = [field.name for field in spec.fields if field.kind is Kind.SIZE and field.multiple == 1]
    while roofline(decode(encode(spec, flags, **values)), config).min_cycles > _MOST_CYCLES:
        largest = max(sizes, key=lambda name: values[name])
        if values[largest] == 1:
            return
        values[largest] //= 2


def _place(draw: Draw, spec: CommandSpec, flags: int, values: Values, layout: _Layout) -> None:
    """Addresses and strides of operands that lie apart."""
    for operand in operands(decode(encode(spec, flags, **values))):
        stride = -(-operand.row_bytes // 8) * 8 + 8 * draw(st.sampled_from((0, 0, 1, 3)))
        name = operand.field.replace("_addr", "_stride")
        if name in values:
            repeats = spec.opcode == Opcode.VECTOR and not operand.written and draw(st.integers(0, 5)) == 0
            values[name] = 0 if repeats else stride
        values[operand.field] = layout.place(stride * operand.rows)


def _matrix(draw: Draw, values: Values, layout: _Layout, edits: dict[int, str]) -> None:
    """Row pointers and columns of a sparse matrix that fits the sizes; at times one of them does not."""
    rows, cols, nnz = values["rows"], values["cols"], values["nnz"]
    ends = st.lists(st.integers(0, nnz), min_size=rows, max_size=rows).map(sorted)
    pointers, columns = [0, *draw(ends)], draw(st.lists(st.integers(0, cols - 1), min_size=nnz, max_size=nnz))
    match draw(st.integers(0, 11)):
        case 0:
            at = draw(st.integers(0, rows))
            pointers[at] = draw(st.sampled_from((nnz + 1, 1, max(pointers[at] - 1, 0), pointers[at] + 1, 2**32 - 1)))
        case 1 if nnz:
            columns[draw(st.integers(0, nnz - 1))] = draw(st.sampled_from((cols, cols + 1, 2**32 - 1)))
    for name, entries in (("row_ptr_addr", pointers), ("col_addr", columns)):
        edits[values[name] - layout.base] = np.array(entries, "<u4").tobytes().hex()


def _bent(field: Field, values: Values, config: AcceleratorConfig, layout: _Layout) -> st.SearchStrategy[int]:
    """Values next to the one that is there, at the field's limits, or beyond them."""
    low, high = field.range
    here = values[field.name]
    match field.kind:
        case Kind.ADDRESS:
            return (
                st.sampled_from([here + 8, here - 8, here + 1, here + 4]).map(_wrapped)
                | _addresses(layout.base)
                | (st.sampled_from(layout.taken))
            )
        case Kind.STRIDE:
            near: list[Any] = [here + 8, here - 8, here + 4, 0, 8, 1 << 31, (1 << 32) - 8, SIZE, SIZE - 8]
            return st.sampled_from(near).map(_wrapped)
        case Kind.SIZE | Kind.COUNT:
            most = field.maximum(config)
            near = [here - 1, here + 1, 2 * here, 0, most, most + 1, high]
            return st.sampled_from(sorted({value for value in near if low <= value <= high}))
    return st.integers(low, high)


def _addresses(base: int) -> st.SearchStrategy[int]:
    """At the edges of the memory and of all addresses, and anywhere."""
    edges = (base - 8, base, base + SIZE - 8, base + SIZE - 64, base + SIZE, 0, (1 << 32) - 8, base + 4)
    anywhere = st.integers(0, SIZE // 8 - 1).map(lambda word: base + 8 * word)
    return st.sampled_from(edges).map(_wrapped) | anywhere


def _wrapped(value: int) -> int:
    return value % (1 << 32)
