"""Beats of a matrix to groups of elements, row by row.

                  two lanes               four lanes
    int8, uint8   four groups to a beat   two groups to a beat
    int16         two groups to a beat    a group to a beat
    int32         a group to a beat       two beats to a group

A row starts at a beat of its own. With ``column`` a row is one beat, whose first element fills every group of it.
Throughput: one group a cycle, or one beat a cycle for int32.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import ElementType
from gatewright_hw.engines.vector.groups import (
    ELEMENT_BITS,
    ends_beat,
    fills_two_beats,
    group_counter,
    is_byte,
    raw_group,
    row_layout,
)

__all__ = ["Unpacker"]

_BEAT_BITS = 8 * BUS_BYTES
_LONG_WORDS = BUS_BYTES // ElementType.INT32.nbytes
"""Elements of int32 in a beat."""


def _extended(raw: Value, sign: Value) -> Value:
    """``raw`` with ``sign`` in all higher bits of an element."""
    return Cat(raw, sign.replicate(ELEMENT_BITS - len(raw))).as_signed()


def _one_of(values: Sequence[Value], index: Value) -> Value:
    """The value at the low bits of ``index``; a power of two of them."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return Mux(index[exact_log2(half)], _one_of(values[half:], index), _one_of(values[:half], index))


class Unpacker(wiring.Component):
    """Cuts beats into groups, or joins them.

    Parameters
    ----------
    max_columns : the widest row; a power of two times ``lanes``.
    lanes : elements of a group, 2 or 4.

    Members
    -------
    kind : 2 bits, in; the ``ElementType`` of the matrix. This and the next two are constant while beats come.
    column : 1, in; a row is one element, to be repeated.
    row : :func:`row_layout`, in.
    beats : stream of 64 bits, in.
    group : stream of :func:`.raw_group`, out, registered; elements beyond a row's end are noise.
    """

    def __init__(self, max_columns: int, lanes: int) -> None:
        self._lanes = lanes
        super().__init__(
            {
                "kind": In(2),
                "column": In(1),
                "row": In(row_layout(max_columns, lanes)),
                "beats": In(stream.Signature(_BEAT_BITS)),
                "group": Out(stream.Signature(raw_group(lanes))),
            }
        )

    def _lane(self, lane: int, beat: Value, index: Value, before: Value, second: Value) -> Value:
        """Element ``lane`` of group ``index``: of this beat, or, when it is a group's ``second``, of the one before."""
        short, middle = (
            _one_of([beat.word_select(place, bits) for place in range(lane, _BEAT_BITS // bits, self._lanes)], index)
            for bits in (8, 16)
        )
        long = beat.word_select(lane % _LONG_WORDS, 32)
        if lane + _LONG_WORDS < self._lanes:
            long = Mux(second, before.word_select(lane, 32), long)
        narrow = Mux(self.kind == ElementType.INT16, _extended(middle, middle[-1]), 0)
        narrow = Mux(is_byte(self.kind), _extended(short, short[-1] & (self.kind == ElementType.INT8)), narrow)
        return Mux(self.kind == ElementType.INT32, long, narrow)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        beat = self.beats.payload
        second = Signal()  # the beat is the second one of its group (int32)
        before = Signal(_BEAT_BITS, reset_less=True)
        produce, consume, more = Signal(), Signal(), Signal()
        index, last = group_counter(m, produce, self.row)
        is_long = self.kind == ElementType.INT32

        able = self.beats.valid & (~self.group.valid | self.group.ready)
        m.d.comb += [
            more.eq(is_long & ~second & fills_two_beats(self.row, last, self._lanes) & ~self.column),
            produce.eq(able & ~more),
            consume.eq(Mux(self.column, last, last | ends_beat(index, self.kind, self._lanes))),
            self.beats.ready.eq(able & consume),
        ]
        with m.If(able):
            m.d.sync += [second.eq(more), before.eq(beat)]

        with m.If(self.group.ready):
            m.d.sync += self.group.valid.eq(0)
        with m.If(produce):
            m.d.sync += self.group.valid.eq(1)
        place = Mux(self.column, 0, index)
        elements = [self._lane(lane, beat, place, before, second) for lane in range(self._lanes)]
        with m.If(produce):
            for to, element in zip(self.group.payload, elements, strict=True):
                m.d.sync += to.eq(Mux(self.column, elements[0], element))
        return m
