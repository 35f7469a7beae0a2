"""What the parts of the vector engine exchange: groups of elements, the shape of rows, and groups that set off."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.vector import LANES, VALUE_BITS, ElementType

__all__ = [
    "ELEMENT_BITS",
    "GROUP",
    "RAW_GROUP",
    "Departure",
    "ends_in_first_half",
    "group_counter",
    "in_row",
    "is_byte",
    "row_layout",
]

ELEMENT_BITS = 32
"""Width of an operand of any type, its sign extended."""

RAW_GROUP = data.ArrayLayout(signed(ELEMENT_BITS), LANES)
"""LANES elements as they come from memory."""

GROUP = data.ArrayLayout(signed(VALUE_BITS), LANES)
"""LANES values v or z."""


def row_layout(max_columns: int) -> data.StructLayout:
    """The shape of a command's rows: the index of a row's last group, and the columns modulo LANES."""
    return data.StructLayout({"last_group": range(max(2, max_columns // LANES)), "tail": range(LANES)})


class Departure(wiring.Signature):
    """Groups that set off on a pipeline without a stall, for a queue that has room for them.

    Members
    -------
    room : in; a group may set off.
    sent : out; a group sets off in this cycle.
    index, last : out; its place in its row, and whether it is its row's last.
    """

    def __init__(self, max_columns: int) -> None:
        index = row_layout(max_columns)["last_group"].shape
        super().__init__({"room": In(1), "sent": Out(1), "index": Out(index), "last": Out(1)})


def group_counter(m: Module, step: Value, row: data.View) -> tuple[Signal, Value]:
    """Counts the groups of each row as ``step`` moves on; returns a group's index and whether it is its row's last."""
    index = Signal(row.last_group.shape(), name="group")
    last = index == row.last_group
    with m.If(step):
        m.d.sync += index.eq(Mux(last, 0, index + 1))
    return index, last


def in_row(row: data.View, last: Value, lane: int) -> Value:
    """Whether element ``lane`` of a group lies in its row, and not beyond the row's end; ``last``: it ends its row."""
    return ~last | (row.tail == 0) | (lane < row.tail)


def ends_in_first_half(row: data.View, last: Value) -> Value:
    """Whether a group's second half lies beyond its row's end, so that it takes one beat, not two, as int32."""
    return last & (row.tail != 0) & (row.tail <= LANES // 2)


def is_byte(kind: Value) -> Value:
    """Whether an ``ElementType`` has one byte."""
    return (kind == ElementType.INT8) | (kind == ElementType.UINT8)
