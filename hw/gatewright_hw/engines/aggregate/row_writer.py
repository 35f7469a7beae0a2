"""Requantises finished rows and writes them to memory.

    Y[i, 8 w + lane] = requantise(acc[lane])

Throughput: one 64-bit word a cycle. Latency: ``delay`` cycles to the write queue. Memory traffic: each word of Y once;
of a row's last word only the bytes that are features. The requantisers do not stall, so words are admitted only while
the queue has room for all that are on their way.
"""

import operator

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS, MULTIPLIER_BITS, SHIFT_BITS
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.ports import ADDRESS_BITS, WritePort
from gatewright_hw.bus.writer import BurstWriter
from gatewright_hw.engines.parts.requantiser import Requantiser

__all__ = ["RowWriter"]

_DEPTH = 4 * MAX_BURST_BEATS


class RowWriter(wiring.Component):
    """Eight requantisers and a burst writer.

    Parameters
    ----------
    max_features : widest row, 8..8192.

    Members
    -------
    start : high for one cycle, with ``addr``, before the first row.
    addr, stride : byte address of Y and bytes from row to row, multiples of 8.
    features : bytes of a row, constant while rows come.
    multiplier, shift : the requantiser, constant while rows come.
    room : a word may be launched.
    launch : a word is on its way; it must come as ``valid`` and ``acc`` later, in the order of launches.
    valid, acc : eight accumulators.
    idle : no word is on its way, all writes are acknowledged.
    port : the memory port.
    """

    def __init__(self, max_features: int) -> None:
        self._max_features = operator.index(max_features)
        if not 8 <= self._max_features <= 8192:
            raise ValueError(f"RowWriter: max_features is {max_features}, allowed 8..8192")
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
        on_the_way = Signal(self.delay)
        m.d.sync += on_the_way.eq(Cat(self.valid, on_the_way))

        # Beats: the last word of a row is cut to the bytes that are features.
        out = writer.data
        last_word = Signal(range(self._max_features // BUS_BYTES))
        tail = Signal(BUS_BYTES)
        word = Signal.like(last_word)
        tail_bytes = self.features[: BUS_BYTES.bit_length() - 1]
        m.d.sync += last_word.eq((self.features - 1) >> BUS_BYTES.bit_length() - 1)
        m.d.sync += tail.eq(Mux(tail_bytes == 0, -1, (1 << tail_bytes) - 1))
        m.d.comb += [
            out.valid.eq(on_the_way[-1]),
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
        credit = Signal(range(_DEPTH + 1), init=_DEPTH)
        m.d.sync += credit.eq(credit - self.launch + (self.port.w.valid & self.port.w.ready))
        m.d.comb += [self.room.eq(credit != 0), self.idle.eq((credit == _DEPTH) & writer.idle)]
        return m
