"""Row addresses: ``base + index * stride`` modulo 2**32, one a cycle.

The stride is a multiple of 8, so the product is taken in words of 8 bytes: 29 bits, to which three products of at most
16 x 16 bits contribute, one DSP48E1 each.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.bus.ports import ADDRESS_BITS, WORD_LSB
from gatewright_hw.parts.stream_register import StreamRegister

__all__ = ["RowAddress"]

_WORD_BITS = ADDRESS_BITS - WORD_LSB
_LOW_BITS = 16
_HIGH_BITS = _WORD_BITS - _LOW_BITS


class RowAddress(wiring.Component):
    """A pipeline that stalls as a whole when its output is not taken.

    Members
    -------
    base, stride : ADDRESS_BITS each, in; bytes, multiples of 8, constant while indices are in the pipeline.
    index : stream of 32 bits, in; row numbers.
    addr : stream of ADDRESS_BITS, out; byte addresses, in order.
    """

    base: In(ADDRESS_BITS)
    stride: In(ADDRESS_BITS)
    index: In(stream.Signature(32))
    addr: Out(stream.Signature(ADDRESS_BITS))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.register = register = StreamRegister(ADDRESS_BITS)
        wiring.connect(m, register.o, wiring.flipped(self.addr))
        advance = Signal()
        m.d.comb += [advance.eq(~register.i.valid | register.i.ready), self.index.ready.eq(advance)]

        index = Signal(_WORD_BITS)
        stride = Signal(_WORD_BITS)
        low, low_delayed = Signal(_WORD_BITS), Signal(_WORD_BITS)
        high_a, high_b, high = Signal(_HIGH_BITS), Signal(_HIGH_BITS), Signal(_HIGH_BITS)
        valid = Signal(3)
        m.d.sync += stride.eq(self.stride >> WORD_LSB)
        with m.If(advance):
            m.d.sync += [
                index.eq(self.index.payload),
                low.eq(index[:_LOW_BITS] * stride[:_LOW_BITS]),
                high_a.eq(index[:_HIGH_BITS] * stride[_LOW_BITS:]),
                high_b.eq(index[_LOW_BITS:] * stride[:_HIGH_BITS]),
                low_delayed.eq(low + (self.base >> WORD_LSB)),
                high.eq(high_a + high_b),
                register.i.payload.eq((low_delayed + (high << _LOW_BITS)) << WORD_LSB),
                valid.eq(valid << 1 | self.index.valid),
                register.i.valid.eq(valid[-1]),
            ]
        return m
