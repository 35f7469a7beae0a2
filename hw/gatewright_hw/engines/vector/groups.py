"""What the parts of the vector engine exchange: groups of elements, the shape of rows, and groups that set off.

A group is one element for each of the engine's ``lanes``, which every part gets where it is made. Beats of the bus have
eight bytes whatever the lanes: groups of narrow elements share a beat, and one of int32 may take two.
"""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import VALUE_BITS, ElementType

__all__ = [
    "ELEMENT_BITS",
    "Departure",
    "ends_beat",
    "fills_two_beats",
    "group_counter",
    "in_row",
    "is_byte",
    "raw_group",
    "row_layout",
    "takes_two_beats",
    "value_group",
]

ELEMENT_BITS = 32
"""Width of an operand of any type, its sign extended."""


def raw_group(lanes: int) -> data.ArrayLayout:
    """``lanes`` elements as they come from memory."""
    return data.ArrayLayout(signed(ELEMENT_BITS), lanes)


def value_group(lanes: int) -> data.ArrayLayout:
    """``lanes`` values v or z."""
    return data.ArrayLayout(signed(VALUE_BITS), lanes)


def row_layout(max_columns: int, lanes: int) -> data.StructLayout:
    """The shape of a command's rows: the index of a row's last group, and the columns modulo ``lanes``."""
    return data.StructLayout({"last_group": range(max(2, max_columns // lanes)), "tail": range(lanes)})


class Departure(wiring.Signature):
    """Groups that set off on a pipeline without a stall, for a queue that has room for them.

    Members
    -------
    room : in; a group may set off.
    sent : out; a group sets off in this cycle.
    index, last : out; its place in its row, and whether it is its row's last.
    """

    def __init__(self, max_columns: int, lanes: int) -> None:
        index = row_layout(max_columns, lanes)["last_group"].shape
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


def is_byte(kind: Value) -> Value:
    """Whether an ``ElementType`` has one byte."""
    return (kind == ElementType.INT8) | (kind == ElementType.UINT8)


def takes_two_beats(lanes: int) -> bool:
    """Whether a group of int32 is more than a beat."""
    return lanes * ElementType.INT32.nbytes > BUS_BYTES


def fills_two_beats(row: data.View, last: Value, lanes: int) -> Value:
    """Whether a group takes two beats as int32: not where its second half lies beyond its row's end."""
    if not takes_two_beats(lanes):
        return Const(0)
    return ~(last & (row.tail != 0) & (row.tail <= lanes // 2))


def ends_beat(index: Value, kind: Value, lanes: int) -> Value:
    """Whether group ``index`` of a row of the ``ElementType`` ``kind`` is the last that its beat has room for."""
    ends: Value = Const(1)
    for this, nbytes in ((kind == ElementType.INT16, 2), (is_byte(kind), 1)):
        in_beat = BUS_BYTES // (lanes * nbytes)
        ends = Mux(this, index[: exact_log2(in_beat)] == in_beat - 1, ends)
    return ends
