"""The addresses of a burst's beats."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.bus.axi import BurstType

__all__ = ["WALK_BITS", "BurstWalk"]

WALK_BITS = 12
"""A burst stays within 4 KiB (IHI 0022, A3.4.1): no address bit above these changes."""


class BurstWalk(wiring.Component):
    """Goes through a burst's beats (IHI 0022, A3.4.1): FIXED stays, INCR climbs to the next multiple of the beat's
    size, WRAP climbs within the block of all its beats. The reserved type counts as INCR.

    Parameters
    ----------
    len_bits, size_bits : widths of the burst's length and size, as in the bus's signature.

    Members
    -------
    load : 1, in; take a burst.
    addr, len, size, burst : WALK_BITS, len_bits, size_bits, 2, in; the burst that is taken: the low bits of its
        address, and its other fields.
    step : 1, in; the present beat is done. Together with ``last`` it has no meaning.
    address : WALK_BITS, out; of the present beat.
    last : 1, out; the present beat is the last one.
    """

    def __init__(self, len_bits: int, size_bits: int) -> None:
        self._len_bits, self._size_bits = len_bits, size_bits
        super().__init__(
            {
                "load": In(1),
                "addr": In(WALK_BITS),
                "len": In(len_bits),
                "size": In(size_bits),
                "burst": In(2),
                "step": In(1),
                "address": Out(WALK_BITS),
                "last": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        left = Signal(self._len_bits)
        length = Signal(self._len_bits)
        size = Signal(self._size_bits)
        burst = Signal(2)
        with m.If(self.load):
            m.d.sync += [
                self.address.eq(self.addr),
                left.eq(self.len),
                length.eq(self.len),
                size.eq(self.size),
                burst.eq(self.burst),
            ]
        m.d.comb += self.last.eq(left == 0)

        within = Signal(WALK_BITS)  # bits of an address that lie within a beat
        block = Signal(WALK_BITS)  # and within a wrapping burst, which has a power of two of beats
        climbed = Signal(WALK_BITS)
        m.d.comb += [
            within.eq((1 << size) - 1),
            block.eq(length << size | within),
            climbed.eq((self.address | within) + 1),
        ]
        with m.If(self.step):
            m.d.sync += left.eq(left - 1)
            with m.Switch(burst):
                with m.Case(BurstType.FIXED):
                    pass
                with m.Case(BurstType.WRAP):
                    m.d.sync += self.address.eq(self.address & ~block | climbed & block)
                with m.Default():
                    m.d.sync += self.address.eq(climbed)
        return m
