"""Tile store: queues the results of tiles and writes them to memory row by row.

Throughput: one 64-bit beat a cycle. The queue holds whole tiles: a tile is let in only when there is room for all its
results, so that the array never waits in the middle of a tile. Results of rows and columns that do not exist are
dropped; the last beat of a row carries byte enables.
"""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.bus.ports import ADDRESS_BITS, Descriptor, WriteBeat
from gatewright_hw.engines.gemm.drain import Results
from gatewright_hw.engines.gemm.geometry import WORD_BYTES, WORD_LSB, Geometry, Width, words
from gatewright_hw.parts.queue import Queue

__all__ = ["TileStore"]

_TILES = 4
"""Tiles that the queue holds."""


class TileStore(wiring.Component):
    """Results of tiles in, one descriptor per row and its beats out.

    Members
    -------
    tile : stream of geometry.tile, in; a tile that starts (a reservation), taken while there is room for its results.
    results : Results, in; of the tiles, in order.
    width : Width, in; of the results.
    stride : ADDRESS_BITS, in; bytes from one output row to the next.
    descriptor, beat : streams of Descriptor, WriteBeat, out; to the burst writer.
    column : out; the first of the row that ``descriptor`` is of.
    idle : 1, out; no tile is here, nor on its way through the array.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = g = geometry
        super().__init__(
            {
                "tile": In(stream.Signature(g.tile)),
                "results": In(Results(g)),
                "width": In(Width),
                "stride": In(ADDRESS_BITS),
                "descriptor": Out(stream.Signature(Descriptor)),
                "beat": Out(stream.Signature(WriteBeat)),
                "column": Out(g.tile["column"].shape),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        row_beats = range(g.cols // 2 + 1)
        place = data.StructLayout(
            {
                "addr": ADDRESS_BITS,
                "column": g.tile["column"].shape,
                "rows": g.tile["rows"].shape,
                "beats": row_beats,
            }
        )
        extent = data.StructLayout({"rows": g.tile["rows"].shape, "beats": row_beats, "tail": range(WORD_BYTES)})
        m.submodules.places = places = Queue(place, _TILES, buffered=False)
        m.submodules.extents = extents = Queue(extent, _TILES, buffered=False)
        m.submodules.queue = queue = Queue(32 * g.lanes, _TILES * g.drain_cycles, buffered=False)

        # A tile is let in: its rows become descriptors and beats.
        tile = self.tile.payload
        room = Signal(range(queue.depth + 1), init=queue.depth)
        accept = Signal()
        new_place, new_extent = places.i.payload, extents.i.payload
        row_bytes = Signal(range(4 * g.cols + 1))
        m.d.comb += [
            row_bytes.eq(tile.cols << self.width),
            self.tile.ready.eq((room >= g.drain_cycles) & places.i.ready & extents.i.ready),
            accept.eq(self.tile.valid & self.tile.ready),
            places.i.valid.eq(accept),
            extents.i.valid.eq(accept),
            new_place.addr.eq(tile.addr),
            new_place.column.eq(tile.column),
            new_place.rows.eq(tile.rows),
            new_place.beats.eq(words(row_bytes)),
            new_extent.rows.eq(tile.rows),
            new_extent.beats.eq(new_place.beats),
            new_extent.tail.eq(row_bytes[:WORD_LSB]),
        ]
        dropped = self._queue_results(m, queue)
        popped = queue.o.ready & queue.o.valid
        m.d.sync += room.eq(room - Mux(accept, g.drain_cycles, 0) + dropped + popped)

        self._describe(m, places.o)
        self._send(m, extents.o, queue.o)
        # All room is back only when the array has drained, results that are dropped included.
        m.d.comb += self.idle.eq((room == queue.depth) & ~places.o.valid & ~extents.o.valid)
        return m

    def _queue_results(self, m: Module, queue: Queue) -> Signal:
        """An entry is ``lanes`` results, or as many narrow ones as fill a beat. Returns "this cycle's results take no
        entry"."""
        g = self._geometry
        results = self.results
        entry, following = Signal(32 * g.lanes), Signal(32 * g.lanes)
        wanted = Signal()
        beat = Signal(8 * WORD_BYTES)  # of narrow results, the last of them complete it
        earlier = Signal(8 * WORD_BYTES)
        for width in Width:
            parts = self._parts(width)
            complete = results.tag.part % parts == parts - 1
            begin = (results.tag.part - results.tag.part % parts) * g.lanes
            values = (
                Cat(results.wide)
                if width is Width.INT32
                else Cat(value[: 8 << width.value] for value in results.narrow)
            )
            with m.If(self.width == width):
                m.d.comb += wanted.eq(complete & (begin < results.tag.cols))
                m.d.comb += following.eq(values)
                if parts > 1:
                    m.d.comb += [beat.eq(Cat(earlier, values)[-len(beat) :]), following.eq(beat)]
        with m.If(results.valid):
            m.d.sync += earlier.eq(beat)
        push = Signal()
        valid = Signal()
        dropped = Signal()
        m.d.sync += [
            entry.eq(following),
            push.eq(results.valid & results.tag.row_exists & wanted),
            valid.eq(results.valid),
        ]
        m.d.comb += [queue.i.payload.eq(entry), queue.i.valid.eq(push), dropped.eq(valid & ~push)]
        return dropped

    def _parts(self, width: Width) -> int:
        """Parts of a row in an entry of the queue."""
        return max(WORD_BYTES // (self._geometry.lanes << width.value), 1)

    def _beats(self, width: Width) -> int:
        """Beats in an entry of the queue."""
        return max((self._geometry.lanes << width.value) // WORD_BYTES, 1)

    def _describe(self, m: Module, places: stream.Interface) -> None:
        """One descriptor per row."""
        place = places.payload
        row = Signal(range(self._geometry.rows))
        offset = Signal(ADDRESS_BITS)
        last = row == place.rows - 1
        m.d.comb += [
            self.descriptor.payload.addr.eq(place.addr + offset),
            self.descriptor.payload.beats.eq(place.beats),
            self.column.eq(place.column),
            self.descriptor.valid.eq(places.valid),
            places.ready.eq(self.descriptor.ready & last),
        ]
        with m.If(self.descriptor.valid & self.descriptor.ready):
            m.d.sync += [row.eq(row + 1), offset.eq(offset + self.stride)]
            with m.If(last):
                m.d.sync += [row.eq(0), offset.eq(0)]

    def _send(self, m: Module, extents: stream.Interface, entries: stream.Interface) -> None:
        """The beats of each row, one or several from an entry."""
        g = self._geometry
        extent = extents.payload
        row = Signal(range(g.rows))
        beat = Signal(range(g.cols // 2))
        within = Signal(range(g.lanes // 2)) if g.lanes > 2 else Signal(0)
        row_end = beat == extent.beats - 1
        entry_end = Signal()
        for width in Width:
            with m.If(self.width == width):
                m.d.comb += entry_end.eq((within == self._beats(width) - 1) | row_end)
        beats = Array(entries.payload.word_select(index, 64) for index in range(g.lanes // 2))
        tail = Cat((extent.tail == 0) | (extent.tail > lane) for lane in range(WORD_BYTES))
        sent = Signal()
        m.d.comb += [
            self.beat.payload.data.eq(beats[within]),
            self.beat.payload.strb.eq(Mux(row_end, tail, (1 << WORD_BYTES) - 1)),
            self.beat.valid.eq(entries.valid & extents.valid),
            sent.eq(self.beat.valid & self.beat.ready),
            entries.ready.eq(sent & entry_end),
            extents.ready.eq(sent & row_end & (row == extent.rows - 1)),
        ]
        with m.If(sent):
            m.d.sync += [beat.eq(beat + 1), within.eq(Mux(entry_end, 0, within + 1))]
            with m.If(row_end):
                m.d.sync += [beat.eq(0), row.eq(Mux(row == extent.rows - 1, 0, row + 1))]
