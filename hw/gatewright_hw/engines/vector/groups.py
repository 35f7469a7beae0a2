"""What the parts of the vector engine exchange: groups of elements, rows, and room."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data

from gatewright.spec.vector import LANES, VALUE_BITS

__all__ = ["ELEMENT_BITS", "GROUP", "RAW_GROUP", "credit", "group_counter", "pair_sums", "row_layout", "saturated"]

ELEMENT_BITS = 32
"""Width of an operand of any type, its sign extended."""

RAW_GROUP = data.ArrayLayout(signed(ELEMENT_BITS), LANES)
"""LANES elements as they come from memory."""

GROUP = data.ArrayLayout(signed(VALUE_BITS), LANES)
"""LANES values v or z."""


def row_layout(max_columns: int) -> data.StructLayout:
    """The shape of a command's rows: the index of a row's last group, and the columns modulo LANES."""
    return data.StructLayout({"last_group": range(max(2, max_columns // LANES)), "tail": range(LANES)})


def credit(m: Module, depth: int, taken: Value | int, returned: Value | int, least: int = 1) -> Value:
    """Places of a queue of ``depth`` that are promised: ``taken`` and ``returned`` count places in a cycle. High while
    at least ``least`` are left."""
    left = Signal(range(depth + 1), init=depth, name="credit")
    m.d.sync += left.eq(left - taken + returned)
    return left >= least


def group_counter(m: Module, step: Value, row: data.View) -> tuple[Signal, Value]:
    """Counts the groups of each row as ``step`` moves on; returns a group's index and whether it is its row's last."""
    index = Signal(row.last_group.shape(), name="group")
    last = index == row.last_group
    with m.If(step):
        m.d.sync += index.eq(Mux(last, 0, index + 1))
    return index, last


def saturated(value: Value, bits: int) -> Value:
    """The signed ``value`` clamped to ``bits`` signed bits."""
    top = value[bits - 1 :]
    negative = value[-1]
    fits = top.all() | ~top.any()
    limit = Signal(signed(bits), init=(1 << bits - 1) - 1)
    return Mux(fits, value[:bits].as_signed(), Mux(negative, ~limit, limit))


def pair_sums(m: Module, values: list[Value], name: str) -> Value:
    """The sum of four values in two registered steps of pairs."""
    while len(values) > 1:
        sums = []
        for left, right in zip(values[::2], values[1::2], strict=True):
            total = left + right
            step = Signal(Shape.cast(total.shape()), name=f"{name}_{len(values)}_{len(sums)}", reset_less=True)
            m.d.sync += step.eq(total)
            sums.append(step)
        values = sums
    return values[0]
