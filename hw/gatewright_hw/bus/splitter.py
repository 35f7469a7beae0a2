"""Cuts linear transfers into legal AXI bursts."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import MAX_BURST_BEATS
from gatewright_hw.bus.ports import ADDRESS_BITS, BEATS_BITS, LEN_BITS, WORD_LSB, Burst, Descriptor

__all__ = ["BurstSplitter"]


class BurstSplitter(wiring.Component):
    """Turns each :class:`Descriptor` into bursts that end at multiples of 128 bytes, one burst a cycle.

    A burst that stays in its 128-byte line (16 beats) cannot cross 4 KiB, and every burst of a long transfer but the
    first starts on a line, which suits DRAM pages. A transfer that reaches the top of the address space goes on at
    zero.

    Members
    -------
    descriptor : stream of Descriptor, in; transfers. One of zero beats yields no burst.
    burst : stream of Burst, out; registered.
    busy : 1, out; a transfer is not wholly cut yet, or a burst waits at the output.
    """

    descriptor: In(stream.Signature(Descriptor))
    burst: Out(stream.Signature(Burst))
    busy: Out(1)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        descriptor = self.descriptor.payload
        word = descriptor.addr[WORD_LSB:]
        line = Signal(ADDRESS_BITS - WORD_LSB - LEN_BITS)
        first = Signal(LEN_BITS)  # place of the next burst's first beat in its line
        # Place of the transfer's last beat, counted from the start of the line: the upper bits are the lines after
        # this one.
        end = Signal(BEATS_BITS + 1)
        active = Signal()
        last = Signal()
        advance = Signal()
        m.d.comb += [
            last.eq(end[LEN_BITS:] == 0),
            advance.eq(active & (~self.burst.valid | self.burst.ready)),
            self.descriptor.ready.eq(~active | (advance & last)),
            self.busy.eq(active | self.burst.valid),
        ]
        with m.If(self.burst.ready):
            m.d.sync += self.burst.valid.eq(0)
        with m.If(advance):
            m.d.sync += [
                self.burst.valid.eq(1),
                self.burst.payload.addr.eq(Cat(Const(0, WORD_LSB), first, line)),
                self.burst.payload.len.eq(Mux(last, end[:LEN_BITS], MAX_BURST_BEATS - 1) - first),
                line.eq(line + 1),
                first.eq(0),
                end[LEN_BITS:].eq(end[LEN_BITS:] - 1),
                active.eq(~last),
            ]
        with m.If(self.descriptor.valid & self.descriptor.ready):
            m.d.sync += [
                Cat(first, line).eq(word),
                end.eq(word[:LEN_BITS] + descriptor.beats - 1),
                active.eq(descriptor.beats != 0),
            ]
        return m
