"""Groups of LANES elements to beats, and the beats to memory.

    int8, uint8   two groups to a beat
    int16         a group to a beat
    int32         two beats to a group, hence at most a group in two cycles

A row starts a beat; its last beat writes only the bytes that are elements. Groups cannot be held back: whoever sends
them off on the way to here first takes room for their beats (see :meth:`RowPacker.beats_opened`).
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright.spec.vector import LANES, ElementType
from gatewright_hw.bus.ports import ADDRESS_BITS, WritePort
from gatewright_hw.bus.writer import BurstWriter
from gatewright_hw.engines.vector.groups import RAW_GROUP, credit, row_layout
from gatewright_hw.engines.vector.row_transfers import ROWS_BITS, RowTransfers

__all__ = ["RowPacker"]

_DEPTH = 4 * MAX_BURST_BEATS


class RowPacker(wiring.Component):
    """Members.

    start : high for one cycle; the next five are constant from then on.
    addr, stride, rows : of Y.
    kind, row : the ``ElementType``, and the shape of a row.
    beats, strb : beats of a row, and byte enables of its last one.
    opened : beats that the group opens which is sent off in this cycle; 0 when none is. See :meth:`beats_opened`.
    room : a group may be sent off.
    valid, last, y : groups in, with ``last`` at the end of a row.
    idle : all rows are written and acknowledged.
    port : the memory port.
    """

    def __init__(self, max_columns: int) -> None:
        beats = range(max_columns * ElementType.INT32.nbytes // BUS_BYTES + 1)
        self._beats_bits = (len(beats) - 1).bit_length()
        super().__init__(
            {
                "start": In(1),
                "addr": In(ADDRESS_BITS),
                "stride": In(ADDRESS_BITS),
                "rows": In(ROWS_BITS),
                "kind": In(2),
                "row": In(row_layout(max_columns)),
                "beats": In(self._beats_bits),
                "strb": In(BUS_BYTES),
                "opened": In(range(3)),
                "room": Out(1),
                "valid": In(1),
                "last": In(1),
                "y": In(RAW_GROUP),
                "idle": Out(1, init=1),
                "port": Out(WritePort()),
            }
        )

    @property
    def _is_long(self) -> Value:
        return self.kind == ElementType.INT32

    @property
    def _is_short(self) -> Value:
        return (self.kind == ElementType.INT8) | (self.kind == ElementType.UINT8)

    def _fills_two(self, last: Value) -> Value:
        """Whether a group takes two beats."""
        ends_early = last & (self.row.tail != 0) & (self.row.tail <= LANES // 2)
        return self._is_long & ~ends_early

    def beats_opened(self, index: Value, last: Value) -> Value:
        """How many beats group ``index`` of a row is the first to lie in."""
        return Mux(self._fills_two(last), 2, ~(self._is_short & index[0]))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.writer = writer = BurstWriter(_DEPTH)
        m.submodules.transfers = transfers = RowTransfers(self._beats_bits)
        wiring.connect(m, writer.port, wiring.flipped(self.port))
        wiring.connect(m, transfers.descriptor, writer.descriptor)
        m.d.comb += [
            transfers.start.eq(self.start),
            transfers.addr.eq(self.addr),
            transfers.stride.eq(self.stride),
            transfers.rows.eq(self.rows),
            transfers.beats.eq(self.beats),
            self.room.eq(credit(m, _DEPTH, self.opened, self.port.w.valid & self.port.w.ready, least=2)),
        ]

        # What waits: the first half of a beat (int8), or the second beat of a group (int32).
        half, held = Signal(), Signal(8 * LANES, reset_less=True)
        second, second_last, second_beat = Signal(), Signal(), Signal(8 * BUS_BYTES, reset_less=True)
        bytes_now = Cat(element[:8] for element in self.y)
        words_now = Cat(element[:16] for element in self.y)
        beat = Signal(8 * BUS_BYTES, reset_less=True)
        beat_valid, beat_last = Signal(), Signal()

        m.d.sync += [beat_valid.eq(0), second.eq(0)]
        with m.If(second):
            m.d.sync += [beat.eq(second_beat), beat_last.eq(second_last), beat_valid.eq(1)]
        with m.If(self.valid):
            m.d.sync += [beat_last.eq(self.last), beat_valid.eq(1)]
            with m.If(self._is_long):
                two = self._fills_two(self.last)
                m.d.sync += [
                    beat.eq(Cat(self.y[0], self.y[1])),
                    beat_last.eq(self.last & ~two),
                    second.eq(two),
                    second_last.eq(self.last),
                    second_beat.eq(Cat(self.y[2], self.y[3])),
                ]
            with m.Elif(self._is_short):
                m.d.sync += [
                    held.eq(bytes_now),
                    half.eq(~half & ~self.last),
                    beat.eq(Mux(half, Cat(held, bytes_now), bytes_now)),
                    beat_valid.eq(half | self.last),
                ]
            with m.Else():
                m.d.sync += beat.eq(words_now)

        left = Signal(ROWS_BITS)
        m.d.comb += [
            writer.data.valid.eq(beat_valid),
            writer.data.payload.data.eq(beat),
            writer.data.payload.strb.eq(Mux(beat_last, self.strb, -1)),
            self.idle.eq((left == 0) & writer.idle),
        ]
        with m.If(self.start):
            m.d.sync += left.eq(self.rows)
        with m.Elif(beat_valid & beat_last):
            m.d.sync += left.eq(left - 1)
        return m
