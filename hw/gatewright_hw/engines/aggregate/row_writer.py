"""Requantises finished rows and writes them to memory.

    Y[i, lanes * group + lane] = requantise(acc[lane])

Throughput: one group of ``lanes`` features a cycle. Latency: ``delay`` cycles to the write queue. Memory traffic: each
64-bit word of Y once; of a row's last word only the bytes that are features. The requantisers do not stall, so groups
are admitted only while the queue has room for all that are on their way.
"""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS, MULTIPLIER_BITS, SHIFT_BITS
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.ports import ADDRESS_BITS, WORD_LSB, WritePort
from gatewright_hw.bus.writer import BurstWriter
from gatewright_hw.engines.aggregate.row_place import part_bits, row_place
from gatewright_hw.parts.credit import places_left
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.parameters import in_range
from gatewright_hw.parts.requantiser import Requantiser

__all__ = ["RowWriter"]

_DEPTH = 4 * MAX_BURST_BEATS


class RowWriter(wiring.Component):
    """Requantisers, one a lane, and a burst writer.

    Parameters
    ----------
    max_features : widest row, 8..8192.
    lanes : features of a group: 2, 4 or 8.

    Members
    -------
    start : 1, in; high for one cycle, with ``addr``, before the first row.
    addr, stride : ADDRESS_BITS each, in; byte address of Y and bytes from row to row, multiples of 8.
    features : 1..max_features, in; bytes of a row. This, ``stride`` and the next are constant while rows come.
    multiplier, shift : MULTIPLIER_BITS and SHIFT_BITS, in; the requantiser.
    room : 1, out; a group may be launched.
    launch : 1, in; a group is on its way; it must come as ``valid`` and ``acc`` later, in the order of launches.
    valid, acc : 1 and ``lanes`` of signed(AGGREGATE_ACCUMULATOR_BITS), in.
    idle : 1, out; no group is on its way, all writes are acknowledged.
    port : WritePort, out.
    """

    def __init__(self, max_features: int, lanes: int) -> None:
        self._max_features = in_range("RowWriter", "max_features", max_features, 8, 8192)
        self._part_bits = part_bits("RowWriter", lanes)
        super().__init__(
            {
                "start": In(1),
                "addr": In(ADDRESS_BITS),
                "stride": In(ADDRESS_BITS),
                "features": In(range(self._max_features + 1)),
                "multiplier": In(MULTIPLIER_BITS),
                "shift": In(SHIFT_BITS),
                "room": Out(1),
                "launch": In(1),
                "valid": In(1),
                "acc": In(data.ArrayLayout(signed(AGGREGATE_ACCUMULATOR_BITS), lanes)),
                "idle": Out(1),
                "port": Out(WritePort()),
            }
        )
        self._lanes = [Requantiser(AGGREGATE_ACCUMULATOR_BITS) for _ in range(lanes)]

    @property
    def delay(self) -> int:
        """Cycles from ``valid`` to the write queue."""
        return self._lanes[0].delay

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.writer = writer = BurstWriter(_DEPTH)
        wiring.connect(m, writer.port, wiring.flipped(self.port))
        for index, lane in enumerate(self._lanes):
            m.submodules[f"lane_{index}"] = lane
            m.d.comb += [lane.acc.eq(self.acc[index]), lane.multiplier.eq(self.multiplier), lane.shift.eq(self.shift)]

        # Beats: a word's groups wait for its last one; the last word of a row is cut to the bytes that are features.
        out = writer.data
        last_word = Signal(range(self._max_features // BUS_BYTES))
        tail = Signal(BUS_BYTES)
        valid = delayed(m, self.valid, self.delay, reset=True)[-1]
        place = row_place(m, valid, last_word, self._part_bits)
        group = Cat(lane.result for lane in self._lanes)
        before = Signal(8 * BUS_BYTES - len(group), reset_less=True)
        beat = Cat(before, group)
        tail_bytes = self.features[:WORD_LSB]
        m.d.sync += last_word.eq((self.features - 1) >> WORD_LSB)
        m.d.sync += tail.eq(Mux(tail_bytes == 0, -1, (1 << tail_bytes) - 1))
        m.d.comb += [
            out.valid.eq(valid & place.ends_word),
            out.payload.data.eq(beat),
            out.payload.strb.eq(Mux(place.ends_row, tail, -1)),
        ]
        with m.If(valid):
            m.d.sync += before.eq(beat[len(group) :])

        # Rows: one transfer each, owed from the row's first word on.
        addr = Signal(ADDRESS_BITS)
        owed = Signal(range(_DEPTH + 1))
        paid = writer.descriptor.valid & writer.descriptor.ready
        m.d.comb += [
            writer.descriptor.valid.eq(owed != 0),
            writer.descriptor.payload.addr.eq(addr),
            writer.descriptor.payload.beats.eq(last_word + 1),
        ]
        m.d.sync += owed.eq(owed + (out.valid & (place.word == 0)) - paid)
        with m.If(paid):
            m.d.sync += addr.eq(addr + self.stride)
        with m.If(self.start):
            m.d.sync += addr.eq(self.addr)

        # A group holds its place from its launch until its word leaves the queue.
        depth = _DEPTH << self._part_bits
        leaves = self.port.w.valid & self.port.w.ready
        left = places_left(m, depth, self.launch, leaves << self._part_bits)
        m.d.comb += [self.room.eq(left != 0), self.idle.eq((left == depth) & writer.idle)]
        return m
