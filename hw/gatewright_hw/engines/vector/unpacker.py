"""Beats of a matrix to groups of LANES elements, row by row.

    int8, uint8   two groups to a beat
    int16         a group to a beat
    int32         two beats to a group

A row starts at a beat of its own. With ``column`` a row is one beat, whose first element fills every group of it.
Throughput: one group a cycle, or one beat a cycle for int32.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import LANES, ElementType
from gatewright_hw.engines.vector.groups import (
    ELEMENT_BITS,
    RAW_GROUP,
    ends_in_first_half,
    group_counter,
    is_byte,
    row_layout,
)

__all__ = ["Unpacker"]

_BEAT_BITS = 8 * BUS_BYTES


def _extended(raw: Value, sign: Value) -> Value:
    """``raw`` with ``sign`` in all higher bits of an element."""
    return Cat(raw, sign.replicate(ELEMENT_BITS - len(raw))).as_signed()


class Unpacker(wiring.Component):
    """Cuts beats into groups, or joins them.

    Parameters
    ----------
    max_columns : the widest row; a power of two times LANES.

    Members
    -------
    kind : 2 bits, in; the ``ElementType`` of the matrix. This and the next two are constant while beats come.
    column : 1, in; a row is one element, to be repeated.
    row : :func:`row_layout`, in.
    beats : stream of 64 bits, in.
    group : stream of RAW_GROUP, out, registered; elements beyond a row's end are noise.
    """

    def __init__(self, max_columns: int) -> None:
        super().__init__(
            {
                "kind": In(2),
                "column": In(1),
                "row": In(row_layout(max_columns)),
                "beats": In(stream.Signature(_BEAT_BITS)),
                "group": Out(stream.Signature(RAW_GROUP)),
            }
        )

    def _lane(self, lane: int, beat: Value, before: Value, half: Value) -> Value:
        """Element ``lane`` of a group: of this beat's first or second ``half``, or of this beat and the one before."""
        short = Mux(half, beat.word_select(lane + LANES, 8), beat.word_select(lane, 8))
        middle = beat.word_select(lane, 16)
        long = beat.word_select(lane % 2, 32)
        if lane < LANES // 2:
            long = Mux(half, before.word_select(lane, 32), long)
        narrow = Mux(self.kind == ElementType.INT16, _extended(middle, middle[-1]), 0)
        narrow = Mux(is_byte(self.kind), _extended(short, short[-1] & (self.kind == ElementType.INT8)), narrow)
        return Mux(self.kind == ElementType.INT32, long, narrow)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        beat = self.beats.payload
        half = Signal()  # the second half of a beat (int8), or the second beat of a group (int32)
        before = Signal(_BEAT_BITS, reset_less=True)
        produce, consume, more = Signal(), Signal(), Signal()
        _, last = group_counter(m, produce, self.row)
        is_long = self.kind == ElementType.INT32
        is_middle = self.kind == ElementType.INT16

        able = self.beats.valid & (~self.group.valid | self.group.ready)
        m.d.comb += [
            more.eq(is_long & ~half & ~ends_in_first_half(self.row, last) & ~self.column),
            produce.eq(able & ~more),
            consume.eq(Mux(self.column, last, is_long | is_middle | half | last)),
            self.beats.ready.eq(able & consume),
        ]
        with m.If(able & ~self.column & ~is_middle):
            m.d.sync += half.eq(~half & ~last | more)
        with m.If(able):
            m.d.sync += before.eq(beat)

        with m.If(self.group.ready):
            m.d.sync += self.group.valid.eq(0)
        with m.If(produce):
            m.d.sync += self.group.valid.eq(1)
        first = self._lane(0, beat, before, half)
        for lane in range(LANES):
            element = self._lane(lane, beat, before, half) if lane else first
            with m.If(produce):
                m.d.sync += self.group.payload[lane].eq(Mux(self.column, first, element))
        return m
