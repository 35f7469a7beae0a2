"""Rows of a product as rows of A: a beat goes on only when the place of its row is known to all who need that.

place --+--> d_place     ahead of the beats, for D to be fetched
        +--> c_place     for the results
        +--> first_group their records
beat -------> a
"""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import ElementType
from gatewright_hw.bus.ports import ADDRESS_BITS
from gatewright_hw.engines.epilogue import row_place
from gatewright_hw.engines.vector.groups import row_layout
from gatewright_hw.parts.queue import Queue

__all__ = ["ProductRows"]

_AHEAD = 32
"""Rows whose places are told ahead: more than those that are under way in the datapath."""


class ProductRows(wiring.Component):
    """Tells places apart and holds beats back.

    Parameters
    ----------
    max_columns : the widest C; a power of two times ``lanes``.
    lanes : elements of a group.
    columns : of a row.

    Members
    -------
    place, beat : streams of :func:`.row_place` and 64 bits, in; from the gemm engine.
    loaded : 1, in; the records are there, beats may go on.
    with_d : 1, in; D is wanted.
    d_offset : ADDRESS_BITS, in; from C to D. All four are constant while rows come, but that ``loaded`` rises.
    d_place, c_place : streams of ADDRESS_BITS, out; the row's first byte in D and in C.
    first_group : stream, out; index of the row's first group in C, to be taken when the row's beats have gone on.
    more : 1, out; a row's place has come in this cycle.
    a : stream of 64 bits, out.
    """

    def __init__(self, max_columns: int, lanes: int, columns: int) -> None:
        self._lanes, self._columns = lanes, columns
        super().__init__(
            {
                "place": In(stream.Signature(row_place(max_columns))),
                "beat": In(stream.Signature(8 * BUS_BYTES)),
                "loaded": In(1),
                "with_d": In(1),
                "d_offset": In(ADDRESS_BITS),
                "d_place": Out(stream.Signature(ADDRESS_BITS)),
                "c_place": Out(stream.Signature(ADDRESS_BITS)),
                "first_group": Out(stream.Signature(row_layout(max_columns, lanes)["last_group"].shape)),
                "more": Out(1),
                "a": Out(stream.Signature(8 * BUS_BYTES)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        place = self.place.payload
        m.submodules.c_places = c_places = Queue(ADDRESS_BITS, _AHEAD, buffered=False)
        m.submodules.groups = groups = Queue(self.first_group.payload.shape(), _AHEAD, buffered=False)
        wiring.connect(m, c_places.o, wiring.flipped(self.c_place))
        wiring.connect(m, groups.o, wiring.flipped(self.first_group))

        # D's reader takes a place when it likes, the queues take theirs with the place.
        told = Signal()  # to D's reader
        m.d.comb += [
            self.d_place.payload.eq(place.addr + self.d_offset),
            self.d_place.valid.eq(self.place.valid & self.with_d & ~told),
            self.place.ready.eq(c_places.i.ready & groups.i.ready & (~self.with_d | told)),
            self.more.eq(self.place.valid & self.place.ready),
            c_places.i.payload.eq(place.addr),
            c_places.i.valid.eq(self.more),
            groups.i.payload.eq(place.column >> exact_log2(self._lanes)),
            groups.i.valid.eq(self.more),
        ]
        with m.If(self.more):
            m.d.sync += told.eq(0)
        with m.Elif(self.d_place.valid & self.d_place.ready):
            m.d.sync += told.eq(1)

        beats = self._columns * ElementType.INT16.nbytes // BUS_BYTES
        beat = Signal(range(beats))
        known = Signal(range(_AHEAD + 1))  # rows whose places are told and whose last beat has not gone on
        goes, ends = Signal(), Signal()
        m.d.comb += [
            self.a.payload.eq(self.beat.payload),
            self.a.valid.eq(self.beat.valid & self.loaded & (known != 0)),
            self.beat.ready.eq(self.a.ready & self.loaded & (known != 0)),
            goes.eq(self.a.valid & self.a.ready),
            ends.eq(goes & (beat == beats - 1)),
        ]
        m.d.sync += known.eq(known + self.more - ends)
        with m.If(goes):
            m.d.sync += beat.eq(beat + 1)
        return m
