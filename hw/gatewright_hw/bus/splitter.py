"""Cuts linear transfers into legal AXI bursts."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.ports import ADDRESS_BITS, BEATS_BITS, LEN_BITS, Burst, Descriptor

__all__ = ["BurstSplitter"]

WORD_LSB = (BUS_BYTES - 1).bit_length()


class BurstSplitter(wiring.Component):
    """Turns each :class:`Descriptor` into bursts that end at multiples of 128 bytes, one burst a cycle.

    A burst that stays in its 128-byte line (16 beats) cannot cross 4 KiB, and every burst of a long transfer but the
    first starts on a line, which suits DRAM pages. A transfer that reaches the top of the address space goes on at
    zero.

    Members
    -------
    descriptor : transfers in. One of zero beats yields no burst.
    burst : bursts out, registered.
    busy : a transfer is not wholly cut yet, or a burst waits at the output.
    """

    descriptor: In(stream.Signature(Descriptor))
    burst: Out(stream.Signature(Burst))
    busy: Out(1)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        word = Signal(ADDRESS_BITS - WORD_LSB)  # next beat's address
        left = Signal(BEATS_BITS)  # beats not yet covered by a burst
        room = Signal(range(MAX_BURST_BEATS + 1))  # beats to the end of the line
        beats = Signal.like(room)
        active = Signal()
        last = Signal()
        advance = Signal()
        m.d.comb += [
            room.eq(MAX_BURST_BEATS - word[:LEN_BITS]),
            last.eq(left <= room),
            beats.eq(Mux(last, left[: len(beats)], room)),
            advance.eq(active & (~self.burst.valid | self.burst.ready)),
            self.descriptor.ready.eq(~active | (advance & last)),
            self.busy.eq(active | self.burst.valid),
        ]
        with m.If(self.burst.ready):
            m.d.sync += self.burst.valid.eq(0)
        with m.If(advance):
            m.d.sync += [
                self.burst.valid.eq(1),
                self.burst.payload.addr.eq(word << WORD_LSB),
                self.burst.payload.len.eq(beats - 1),
                word.eq(word + beats),
                left.eq(left - beats),
                active.eq(~last),
            ]
        with m.If(self.descriptor.valid & self.descriptor.ready):
            m.d.sync += [
                word.eq(self.descriptor.payload.addr >> WORD_LSB),
                left.eq(self.descriptor.payload.beats),
                active.eq(self.descriptor.payload.beats != 0),
            ]
        return m
