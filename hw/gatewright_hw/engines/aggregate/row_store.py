"""Keeps the first rows of X on chip while an aggregation runs.

The rows are asked for one after the other, like those of edges, come through the two readers in turns, and are written
a word a cycle. From then on any two words can be read in a cycle, each one cycle after its address. A row takes a power
of two of words, so that no address needs a product.

Area: block RAM with two ports, the first of which also writes.
"""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.engines.aggregate.csr_walker import INDEX_BITS
from gatewright_hw.parts.parameters import in_range

__all__ = ["RowStore"]

_PLACES = 2
_BUS_BITS = 8 * BUS_BYTES


class RowStore(wiring.Component):
    """The memory, and what fills it.

    Parameters
    ----------
    words : 64-bit words that it holds, a power of two, 2..65536.
    row_words : most of a row, 1..words.

    Members
    -------
    start : 1, in; high for one cycle; ``rows`` rows are to be kept.
    rows : range(words + 1), in; that many, each 2**slot_bits words apart, fit. Constant while ``filling``.
    last_word : words of a row minus one, in; constant as well.
    slot_bits : in; see :func:`gatewright.spec.kept_rows.slot_bits`; constant as well.
    filling : 1, out; rows are still to come.
    index : stream of INDEX_BITS, out; the rows that are to be read, even ones by the first reader, odd by the second.
    features : two streams of 64 bits, in; what the readers bring, word by word; taken while ``filling``.
    addr, data : two addresses of words, in, and the words, out, a cycle later; not while ``filling``.
    """

    def __init__(self, words: int, row_words: int) -> None:
        self._words = in_range("RowStore", "words", words, 2, 1 << 16)
        row_words = in_range("RowStore", "row_words", row_words, 1, words)
        addr_bits = exact_log2(words)
        super().__init__(
            {
                "start": In(1),
                "rows": In(range(words + 1)),
                "last_word": In(range(max(row_words, 2))),
                "slot_bits": In(range(addr_bits + 1)),
                "filling": Out(1),
                "index": Out(stream.Signature(INDEX_BITS)),
                "features": In(stream.Signature(_BUS_BITS)).array(_PLACES),
                "addr": In(addr_bits).array(_PLACES),
                "data": Out(_BUS_BITS).array(_PLACES),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.memory = rows = memory.Memory(shape=_BUS_BITS, depth=self._words, init=[])
        rows.attrs["ram_style"] = "block"
        write, reads = rows.write_port(), [rows.read_port() for _ in range(_PLACES)]

        # Requests.
        asked = Signal.like(self.rows)
        asking = Signal()
        m.d.comb += [self.index.valid.eq(asking), self.index.payload.eq(asked)]
        with m.If(asking & self.index.ready):
            m.d.sync += [asked.eq(asked + 1), asking.eq(asked + 1 != self.rows)]

        # Words.
        row, word = Signal.like(self.rows), Signal.like(self.last_word)
        take = Signal()
        valid = Array(port.valid for port in self.features)[row[0]]
        m.d.comb += take.eq(self.filling & valid)
        for place, features in enumerate(self.features):
            m.d.comb += features.ready.eq(self.filling & (row[0] == place))
        with m.If(take):
            m.d.sync += word.eq(word + 1)
            with m.If(word == self.last_word):
                m.d.sync += [word.eq(0), row.eq(row + 1), self.filling.eq(row + 1 != self.rows)]

        with m.If(self.start):
            m.d.sync += [asked.eq(0), row.eq(0), word.eq(0)]
            m.d.sync += [asking.eq(self.rows != 0), self.filling.eq(self.rows != 0)]

        # The first port of the memory has one address, whether it writes or reads.
        first = Signal.like(self.addr[0])
        m.d.comb += [
            first.eq(Mux(self.filling, (row << self.slot_bits) | word, self.addr[0])),
            write.addr.eq(first),
            write.data.eq(Array(port.payload for port in self.features)[row[0]]),
            write.en.eq(take),
            reads[0].addr.eq(first),
            reads[1].addr.eq(self.addr[1]),
            *(port.en.eq(~self.filling) for port in reads),
            *(data.eq(port.data) for data, port in zip(self.data, reads, strict=True)),
        ]
        return m
