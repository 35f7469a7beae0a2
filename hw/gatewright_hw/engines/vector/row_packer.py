"""Groups of elements to beats, and the beats to memory.

                  two lanes               four lanes
    int8, uint8   four groups to a beat   two groups to a beat
    int16         two groups to a beat    a group to a beat
    int32         a group to a beat       two beats to a group, hence at most a group in two cycles

A row starts a beat; its last beat writes only the bytes that are elements. Throughput: a group a cycle, a beat a cycle.

Groups cannot be held back: when one sets off on its way to here, room for the beats that it completes is taken.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright.spec.vector import ElementType
from gatewright_hw.bus.ports import ADDRESS_BITS, WritePort
from gatewright_hw.bus.writer import BurstWriter
from gatewright_hw.engines.vector.groups import Departure, ends_beat, fills_two_beats, is_byte, raw_group, row_layout
from gatewright_hw.engines.vector.row_transfers import ROWS_BITS, RowTransfers, matrix_layout
from gatewright_hw.parts.credit import places_left

__all__ = ["RowPacker"]

_BEAT_BITS = 8 * BUS_BYTES
_DEPTH = 4 * MAX_BURST_BEATS


class RowPacker(wiring.Component):
    """Packs groups and writes them to memory.

    Parameters
    ----------
    max_columns : the widest row; a power of two times ``lanes``.
    lanes : elements of a group, 2 or 4.

    Members
    -------
    start : 1, in; high for one cycle; the next four are constant from then on.
    matrix : :func:`matrix_layout`, in; where Y goes, if it has rows.
    kind : 2 bits, in; the ``ElementType`` of Y.
    row : :func:`row_layout`, in.
    strb : 8 bits, in; byte enables of a row's last beat.
    more, place : 1 and a stream of ADDRESS_BITS, in; a row will come besides those of the matrix, and where it goes.
    departure : Departure, in; groups that set off to here.
    valid, last, y : 1, 1 and :func:`.raw_group`, in; a group, and whether it ends its row.
    idle : 1, out; all rows are written and acknowledged.
    port : WritePort, out.
    """

    def __init__(self, max_columns: int, lanes: int) -> None:
        self._max_columns, self._lanes = max_columns, lanes
        super().__init__(
            {
                "start": In(1),
                "matrix": In(matrix_layout(max_columns)),
                "kind": In(2),
                "row": In(row_layout(max_columns, lanes)),
                "strb": In(BUS_BYTES),
                "more": In(1),
                "place": In(stream.Signature(ADDRESS_BITS)),
                "departure": In(Departure(max_columns, lanes)),
                "valid": In(1),
                "last": In(1),
                "y": In(raw_group(lanes)),
                "idle": Out(1, init=1),
                "port": Out(WritePort()),
            }
        )

    @property
    def _is_long(self) -> Value:
        return self.kind == ElementType.INT32

    def _fills_two(self, last: Value) -> Value:
        """Whether a group takes two beats."""
        return self._is_long & fills_two_beats(self.row, last, self._lanes)

    def _completes(self, index: Value, last: Value) -> Value:
        """Whether a beat goes to memory with a group; ``index``: its place in its row, or at least in its beat."""
        return last | ends_beat(index, self.kind, self._lanes)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.writer = writer = BurstWriter(_DEPTH)
        m.submodules.transfers = transfers = RowTransfers(self._max_columns)
        wiring.connect(m, writer.port, wiring.flipped(self.port))
        wiring.connect(m, transfers.descriptor, writer.descriptor)
        wiring.connect(m, wiring.flipped(self.place), transfers.place)
        departure = self.departure
        beats = Mux(self._fills_two(departure.last), 2, self._completes(departure.index, departure.last))
        taken = Mux(departure.sent, beats, 0)
        m.d.comb += [
            transfers.start.eq(self.start),
            transfers.matrix.eq(self.matrix),
            departure.room.eq(places_left(m, _DEPTH, taken, self.port.w.valid & self.port.w.ready) >= 2),
        ]

        # Groups fill a beat one after the other; what waits is the second beat of a group (int32).
        place = Signal(range(BUS_BYTES // self._lanes))
        second, second_last, second_beat = Signal(), Signal(), Signal(_BEAT_BITS, reset_less=True)
        short, middle, long = (Cat(element[:bits] for element in self.y) for bits in (8, 16, 32))
        beat = Signal(_BEAT_BITS, reset_less=True)
        beat_valid, beat_last = Signal(), Signal()

        m.d.sync += [beat_valid.eq(0), second.eq(0)]
        with m.If(second):
            m.d.sync += [beat.eq(second_beat), beat_last.eq(second_last), beat_valid.eq(1)]
        with m.If(self.valid):
            completes = self._completes(place, self.last)
            m.d.sync += [beat_last.eq(self.last), beat_valid.eq(completes), place.eq(Mux(completes, 0, place + 1))]
            with m.If(self._is_long):
                two = self._fills_two(self.last)
                m.d.sync += [
                    beat.eq(long[:_BEAT_BITS]),
                    beat_last.eq(self.last & ~two),
                    second.eq(two),
                    second_last.eq(self.last),
                    second_beat.eq(long[_BEAT_BITS:]),
                ]
            with m.Elif(is_byte(self.kind)):
                m.d.sync += beat.word_select(place, len(short)).eq(short)
            with m.Else():
                m.d.sync += beat.word_select(place[: exact_log2(_BEAT_BITS // len(middle))], len(middle)).eq(middle)

        left = Signal(ROWS_BITS)
        m.d.comb += [
            writer.data.valid.eq(beat_valid),
            writer.data.payload.data.eq(beat),
            writer.data.payload.strb.eq(Mux(beat_last, self.strb, -1)),
            self.idle.eq((left == 0) & writer.idle),
        ]
        with m.If(self.start):
            m.d.sync += left.eq(self.matrix.rows)
        with m.Else():
            m.d.sync += left.eq(left + self.more - (beat_valid & beat_last))
        return m
