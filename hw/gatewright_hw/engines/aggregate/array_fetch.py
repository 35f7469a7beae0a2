"""Streams one array of small elements from memory: row pointers, column indices or weights.

Memory traffic: every 64-bit beat of the array once, in bursts of 16 beats that begin on 128-byte lines (the first and
the last may be shorter). Throughput: one element a cycle.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.ports import ADDRESS_BITS, LEN_BITS, WORD_LSB, ReadPort
from gatewright_hw.bus.reader import BurstReader
from gatewright_hw.parts.parameters import in_range

__all__ = ["ArrayFetch"]

_DEPTH = 4 * MAX_BURST_BEATS
_OUTSTANDING = 4
_BUS_BITS = 8 * BUS_BYTES


class ArrayFetch(wiring.Component):
    """Reads ``count`` elements from ``addr`` ahead of their use, and can give up at any time.

    Bursts are ordered one by one, so that giving up leaves at most the reader's queue to throw away.

    Parameters
    ----------
    element_bits : 8, 16 or 32; elements are packed little-endian.
    count_bits : width of ``count``, 1..40.

    Members
    -------
    start : 1, in; high for one cycle, only while idle.
    addr, count : ADDRESS_BITS and ``count_bits``, in; byte address (a multiple of 8) and elements, with ``start``.
    element : stream of ``element_bits``, out. Those behind the last that fill up its beat are offered too: the user
        takes ``count``.
    stop : 1, in; ask for nothing more and throw away what comes.
    idle : 1, out; while ``stop`` is high: nothing is in flight.
    port : ReadPort, out.
    """

    def __init__(self, element_bits: int, count_bits: int) -> None:
        if element_bits not in (8, 16, 32):
            raise ValueError(f"ArrayFetch: element_bits is {element_bits}, allowed 8, 16, 32")
        self._bits = element_bits
        self._count_bits = in_range("ArrayFetch", "count_bits", count_bits, 1, 40)
        super().__init__(
            {
                "start": In(1),
                "addr": In(ADDRESS_BITS),
                "count": In(self._count_bits),
                "element": Out(stream.Signature(self._bits)),
                "stop": In(1),
                "idle": Out(1),
                "port": Out(ReadPort()),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.reader = reader = BurstReader(_DEPTH, _OUTSTANDING)
        wiring.connect(m, reader.port, wiring.flipped(self.port))
        per_beat = _BUS_BITS // self._bits
        index_bits = exact_log2(per_beat)

        # Requests: one line of memory at a time, in two steps so that no cycle both finds and subtracts a size.
        word = Signal(ADDRESS_BITS - WORD_LSB)
        left = Signal(self._count_bits - index_bits + 1)  # beats not asked for yet
        room = Signal(range(MAX_BURST_BEATS + 1))
        beats = Signal.like(room)
        sized, load = Signal(), Signal()
        descriptor = reader.descriptor
        m.d.comb += [
            room.eq(MAX_BURST_BEATS - word[:LEN_BITS]),
            load.eq(sized & (~descriptor.valid | descriptor.ready)),
        ]
        m.d.sync += [beats.eq(Mux(left < room, left[: len(beats)], room)), sized.eq((left != 0) & ~self.stop)]
        with m.If(descriptor.ready):
            m.d.sync += descriptor.valid.eq(0)
        with m.If(load):
            m.d.sync += [
                descriptor.valid.eq(1),
                descriptor.payload.addr.eq(word << WORD_LSB),
                descriptor.payload.beats.eq(beats),
                word.eq(word + beats),
                left.eq(left - beats),
                sized.eq(0),
            ]

        with m.If(self.stop):
            m.d.sync += left.eq(0)

        # Elements.
        index = Signal(index_bits)
        taken = Signal()
        m.d.comb += [
            self.element.payload.eq(reader.data.payload.word_select(index, self._bits)),
            self.element.valid.eq(reader.data.valid),
            reader.data.ready.eq(self.stop | (self.element.ready & index.all())),
            taken.eq(reader.data.valid & reader.data.ready),
        ]
        with m.If(self.element.valid & self.element.ready):
            m.d.sync += index.eq(index + 1)

        # The queue, the descriptor here and the two bursts on their way through the reader bound what can be in flight.
        in_flight = Signal(range(_DEPTH + 4 * MAX_BURST_BEATS))
        m.d.sync += in_flight.eq(in_flight + Mux(load, beats, 0) - taken)
        m.d.comb += self.idle.eq(~sized & (left == 0) & (in_flight == 0))

        with m.If(self.start):
            m.d.sync += [
                word.eq(self.addr >> WORD_LSB),
                left.eq((self.count + (per_beat - 1)) >> index_bits),
                index.eq(0),
            ]
        return m
