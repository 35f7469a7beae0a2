"""Operand banks: on-chip memory of one side of the array, read as one byte of every bank per cycle.

Each bank (one per array row or column) holds 64-bit words of eight consecutive k. A word is read once and held while
its eight bytes go out one a cycle. Writes are whole words to any set of banks, or, transposed, byte i % 8 of the beat
to bank i with byte enables.

Throughput: one byte of each bank per cycle, back to back over words. Latency: ``delay`` cycles from step to value.
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

    def __init__(self, banks: int, depth: int) -> None:
        super().__init__(
            {"addr": range(depth), "data": 8 * WORD_BYTES, "bytes": WORD_BYTES, "banks": banks, "transposed": 1}
        )


class OperandBanks(wiring.Component):
    """``banks`` banks of ``depth`` words: a byte of each and a write a cycle.

    Members
    -------
    write : BankWrite, in; a write in this cycle (``banks`` is zero for none); it is in the banks two cycles later.
    read, addr : 1 and range(depth), in; read a word in this cycle.
    byte : range(WORD_BYTES), in; which byte of the word read last goes out for this step.
    value : ``banks`` times 8 bits, out; the bytes, registered, ``delay`` cycles after their step.
    """

    def __init__(self, banks: int, depth: int) -> None:
        self.banks = operator.index(banks)
        self.depth = operator.index(depth)
        super().__init__(
            {
                "write": In(BankWrite(banks, depth)),
                "read": In(1),
                "addr": In(range(depth)),
                "byte": In(range(WORD_BYTES)),
                "value": Out(8).array(banks),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from step to value: memory, held word, byte."""
        return 3

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word = data.ArrayLayout(8, WORD_BYTES)
        write = Signal(self.write.shape())
        m.d.sync += write.eq(self.write)
        load = delayed(m, self.read, 1)[1]
        byte = delayed(m, self.byte, 2)[2]
        for index in range(self.banks):
            bank = memory.Memory(shape=word, depth=self.depth, init=[])
            m.submodules[f"bank_{index}"] = bank
            store = bank.write_port(granularity=1)
            fetch = bank.read_port()
            held = Signal(word, reset_less=True, name=f"held_{index}")
            own = write.data.word_select(index % WORD_BYTES, 8)
            m.d.comb += [
                store.addr.eq(write.addr),
                store.data.eq(Mux(write.transposed, own.replicate(WORD_BYTES), write.data)),
                store.en.eq(Mux(write.banks[index], write.bytes, 0)),
                fetch.addr.eq(self.addr),
                fetch.en.eq(self.read),
            ]
            with m.If(load):
                m.d.sync += held.eq(fetch.data)
            m.d.sync += self.value[index].eq(held[byte])
        return m
