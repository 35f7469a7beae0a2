"""Requantises finished rows and writes them to memory.

    Y[i, 8 w + lane] = requantise(acc[lane])

Throughput: one 64-bit word a cycle. Latency: ``delay`` cycles to the write queue. Memory traffic: each word of Y once;
of a row's last word only the bytes that are features. The requantisers do not stall, so words are admitted only while
the queue has room for all that are on their way.
"""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS, MULTIPLIER_BITS, SHIFT_BITS
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.ports import ADDRESS_BITS, WORD_LSB, WritePort
from gatewright_hw.bus.writer import BurstWriter
from gatewright_hw.parts.credit import places_left
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.parameters import in_range
from gatewright_hw.parts.requantiser import Requantiser

__all__ = ["RowWriter"]

_DEPTH = 4 * MAX_BURST_BEATS


class RowWriter(wiring.Component):
    """Eight requantisers and a burst writer.

    Parameters
    ----------
    max_features : widest row, 8..8192.

    Members
    -------
    start : 1, in; high for one cycle, with ``addr``, before the first row.
    addr, stride : ADDRESS_BITS each, in; byte address of Y and bytes from row to row, multiples of 8.
    features : 1..max_features, in; bytes of a row. This, ``stride`` and the next are constant while rows come.
    multiplier, shift : MULTIPLIER_BITS and SHIFT_BITS, in; the requantiser.
    room : 1, out; a word may be launched.
    launch : 1, in; a word is on its way; it must come as ``valid`` and ``acc`` later, in the order of launches.
    valid, acc : 1 and eight of signed(AGGREGATE_ACCUMULATOR_BITS), in.
    idle : 1, out; no word is on its way, all writes are acknowledged.
    port : WritePort, out.
    """

    def __init__(self, max_features: int) -> None:
        self._max_features = in_range("RowWriter", "max_features", max_features, 8, 8192)
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
                "acc": In(data.ArrayLayout(signed(AGGREGATE_ACCUMULATOR_BITS), BUS_BYTES)),
                "idle": Out(1),
                "port": Out(WritePort()),
            }
        )
        self._lanes = [Requantiser(AGGREGATE_ACCUMULATOR_BITS) for _ in range(BUS_BYTES)]

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

        # Beats: the last word of a row is cut to the bytes that are features.
        out = writer.data
        last_word = Signal(range(self._max_features // BUS_BYTES))
        tail = Signal(BUS_BYTES)
        word = Signal.like(last_word)
        tail_bytes = self.features[:WORD_LSB]
        m.d.sync += last_word.eq((self.features - 1) >> WORD_LSB)
        m.d.sync += tail.eq(Mux(tail_bytes == 0, -1, (1 << tail_bytes) - 1))
        m.d.comb += [
            out.valid.eq(delayed(m, self.valid, self.delay, reset=True)[-1]),
            out.payload.data.eq(Cat(lane.result for lane in self._lanes)),
            out.payload.strb.eq(Mux(word == last_word, tail, -1)),
        ]
        with m.If(out.valid):
            m.d.sync += word.eq(Mux(word == last_word, 0, word + 1))

        # Rows: one transfer each, owed from the row's first word on.
        addr = Signal(ADDRESS_BITS)
        owed = Signal(range(_DEPTH + 1))
        paid = writer.descriptor.valid & writer.descriptor.ready
        m.d.comb += [
            writer.descriptor.valid.eq(owed != 0),
            writer.descriptor.payload.addr.eq(addr),
            writer.descriptor.payload.beats.eq(last_word + 1),
        ]
        m.d.sync += owed.eq(owed + (out.valid & (word == 0)) - paid)
        with m.If(paid):
            m.d.sync += addr.eq(addr + self.stride)
        with m.If(self.start):
            m.d.sync += addr.eq(self.addr)

        # A word holds its place from its launch until it leaves the queue.
        left = places_left(m, _DEPTH, self.launch, self.port.w.valid & self.port.w.ready)
        m.d.comb += [self.room.eq(left != 0), self.idle.eq((left == _DEPTH) & writer.idle)]
        return m
