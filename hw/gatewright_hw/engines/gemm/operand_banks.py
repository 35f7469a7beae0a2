"""Operand banks: on-chip memory of one side of the array, read as ``depth`` bytes of every bank per cycle.

Each bank (one per array row or column) holds 64-bit words of eight consecutive k. A word is read once and held while
its eight bytes go out ``depth`` a cycle. Writes are whole words to any set of banks, or, transposed, byte i % 8 of
the beat to bank i with byte enables.

Several writers share the banks: the first may write to all of them, each other one to those of its share, unless the
first does so in the same cycle.

Throughput: ``depth`` bytes of each bank per cycle, back to back over words, and a write of each writer. Latency:
``delay`` cycles from step to value.
"""

from __future__ import annotations

import operator

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.engines.gemm.geometry import WORD_BYTES
from gatewright_hw.parts.delay import delayed

__all__ = ["BankWrite", "OperandBanks"]


class BankWrite(data.StructLayout):
    """One beat for the banks: to word ``addr`` of those in ``banks``, the bytes in ``bytes``; see the module about
    ``transposed``."""

    def __init__(self, banks: int, words: int) -> None:
        super().__init__(
            {"addr": range(words), "data": 8 * WORD_BYTES, "bytes": WORD_BYTES, "banks": banks, "transposed": 1}
        )


class OperandBanks(wiring.Component):
    """``banks`` banks of ``words`` words: ``depth`` bytes of each (1, 2, 4 or 8) a cycle, and a write of each of
    ``writers``, whose number divides that of the banks.

    Members
    -------
    write : BankWrite of each writer, in; a write in this cycle (``banks`` is zero for none); it is in the banks two
        cycles later. That of writer w > 0 is to banks w * banks / writers up to the next writer's.
    read, addr : 1 and range(words), in; read a word in this cycle.
    group : range(WORD_BYTES // depth), in; which bytes of the word read last go out for this step.
    keep : ``depth`` bits for even banks, and for odd ones, in; which of them, zero in the place of the others.
    value : ``banks`` times ``depth`` times 8 bits, out; the bytes, registered, ``delay`` cycles after their step.
    """

    def __init__(self, banks: int, words: int, depth: int, writers: int = 1) -> None:
        self.banks = operator.index(banks)
        self.words = operator.index(words)
        self.depth = operator.index(depth)
        self.writers = operator.index(writers)
        super().__init__(
            {
                "write": In(BankWrite(banks, words)).array(writers),
                "read": In(1),
                "addr": In(range(words)),
                "group": In(range(WORD_BYTES // depth)),
                "keep": In(depth).array(2),
                "value": Out(data.ArrayLayout(8, depth)).array(banks),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from step to value: memory, held word, bytes."""
        return 3

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word = data.ArrayLayout(8, WORD_BYTES)
        writes = [Signal(BankWrite(self.banks, self.words), name=f"write_{w}") for w in range(self.writers)]
        m.d.sync += [write.eq(new) for write, new in zip(writes, self.write, strict=True)]
        load = delayed(m, self.read, 1)[1]
        group = delayed(m, self.group, 2)[2]
        keep = [delayed(m, kept, 2)[2] for kept in self.keep]
        for index in range(self.banks):
            bank = memory.Memory(shape=word, depth=self.words, init=[])
            m.submodules[f"bank_{index}"] = bank
            store = bank.write_port(granularity=1)
            fetch = bank.read_port()
            held = Signal(word, reset_less=True, name=f"held_{index}")
            general, own = writes[0], writes[index * self.writers // self.banks]
            byte = general.data.word_select(index % WORD_BYTES, 8)
            first = general.banks[index] | (own is general)
            m.d.comb += [
                store.addr.eq(Mux(first, general.addr, own.addr)),
                store.data.eq(Mux(first, Mux(general.transposed, byte.replicate(WORD_BYTES), general.data), own.data)),
                store.en.eq(
                    Mux(general.banks[index], general.bytes, Mux(own.banks[index] & ~first, (1 << WORD_BYTES) - 1, 0))
                ),
                fetch.addr.eq(self.addr),
                fetch.en.eq(self.read),
            ]
            with m.If(load):
                m.d.sync += held.eq(fetch.data)
            chosen = held.as_value().word_select(group, 8 * self.depth)
            for k in range(self.depth):
                m.d.sync += self.value[index][k].eq(Mux(keep[index % 2][k], chosen.word_select(k, 8), 0))
        return m
