"""Groups of LANES elements to beats, and the beats to memory.

    int8, uint8   two groups to a beat
    int16         a group to a beat
    int32         two beats to a group, hence at most a group in two cycles

A row starts a beat; its last beat writes only the bytes that are elements. Throughput: a group a cycle, a beat a cycle.

Groups cannot be held back: when one sets off on its way to here, room for its beats is taken.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright.spec.vector import LANES, ElementType
from gatewright_hw.bus.ports import WritePort
from gatewright_hw.bus.writer import BurstWriter
from gatewright_hw.engines.vector.groups import RAW_GROUP, Departure, ends_in_first_half, is_byte, row_layout
from gatewright_hw.engines.vector.row_transfers import ROWS_BITS, RowTransfers, matrix_layout
from gatewright_hw.parts.credit import places_left

__all__ = ["RowPacker"]

_DEPTH = 4 * MAX_BURST_BEATS


class RowPacker(wiring.Component):
    """Packs groups and writes them to memory.

    Parameters
    ----------
    max_columns : the widest row; a power of two times LANES.

    Members
    -------
    start : 1, in; high for one cycle; the next four are constant from then on.
    matrix : :func:`matrix_layout`, in; where Y goes.
    kind : 2 bits, in; the ``ElementType`` of Y.
    row : :func:`row_layout`, in.
    strb : 8 bits, in; byte enables of a row's last beat.
    departure : Departure, in; groups that set off to here.
    valid, last, y : 1, 1 and RAW_GROUP, in; a group, and whether it ends its row.
    idle : 1, out; all rows are written and acknowledged.
    port : WritePort, out.
    """

    def __init__(self, max_columns: int) -> None:
        self._max_columns = max_columns
        super().__init__(
            {
                "start": In(1),
                "matrix": In(matrix_layout(max_columns)),
                "kind": In(2),
                "row": In(row_layout(max_columns)),
                "strb": In(BUS_BYTES),
                "departure": In(Departure(max_columns)),
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

    def _fills_two(self, last: Value) -> Value:
        """Whether a group takes two beats."""
        return self._is_long & ~ends_in_first_half(self.row, last)

    def _beats_opened(self, index: Value, last: Value) -> Value:
        """How many beats group ``index`` of a row is the first to lie in."""
        return Mux(self._fills_two(last), 2, ~(is_byte(self.kind) & index[0]))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.writer = writer = BurstWriter(_DEPTH)
        m.submodules.transfers = transfers = RowTransfers(self._max_columns)
        wiring.connect(m, writer.port, wiring.flipped(self.port))
        wiring.connect(m, transfers.descriptor, writer.descriptor)
        departure = self.departure
        opened = Mux(departure.sent, self._beats_opened(departure.index, departure.last), 0)
        m.d.comb += [
            transfers.start.eq(self.start),
            transfers.matrix.eq(self.matrix),
            departure.room.eq(places_left(m, _DEPTH, opened, self.port.w.valid & self.port.w.ready) >= 2),
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
            with m.Elif(is_byte(self.kind)):
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
            m.d.sync += left.eq(self.matrix.rows)
        with m.Elif(beat_valid & beat_last):
            m.d.sync += left.eq(left - 1)
        return m
