"""One multiplier beside an accumulator: a product is added, or subtracted, at one of a few places.

    product = x y    total = accumulator +- x y 2**shifts[place]

Formats: x and y unsigned, as a DSP48E1 multiplies them; the accumulator unsigned, modulo its width. One product a
cycle, of operands that came ``delay`` cycles before.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.parts.delay import delayed

__all__ = ["X_BITS", "Y_BITS", "MultiplyAccumulate"]

X_BITS, Y_BITS = 24, 17
"""Unsigned operands of a 25 x 18 bit multiplier."""


class MultiplyAccumulate(wiring.Component):
    """A pipeline without a stall; the accumulator itself is the user's.

    Parameters
    ----------
    accumulator_bits : width of the accumulator.
    shifts : the places, bits that a product may move left.

    Members
    -------
    x, y : X_BITS and Y_BITS, in.
    adds, minus, place : 1, 1 and an index of ``shifts``, in, with x and y; whether the product is for the accumulator,
        its sign, and where.
    accumulator : accumulator_bits, in; ``delay`` cycles later.
    product, total : X_BITS + Y_BITS and accumulator_bits, out; ``delay`` cycles later.
    """

    delay = 2
    """Cycles: product and its register. Operands from registers fit a DSP48E1 as well."""

    def __init__(self, accumulator_bits: int, shifts: Sequence[int]) -> None:
        self._shifts = tuple(shifts)
        super().__init__(
            {
                "x": In(X_BITS),
                "y": In(Y_BITS),
                "adds": In(1),
                "minus": In(1),
                "place": In(range(len(self._shifts))),
                "accumulator": In(accumulator_bits),
                "product": Out(X_BITS + Y_BITS),
                "total": Out(accumulator_bits),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        product = Signal(X_BITS + Y_BITS, reset_less=True)
        result = Signal(X_BITS + Y_BITS, reset_less=True)
        use = Signal(data.StructLayout({"adds": 1, "minus": 1, "place": self.place.shape()}))
        m.d.comb += [use.adds.eq(self.adds), use.minus.eq(self.minus), use.place.eq(self.place)]
        m.d.sync += [product.eq(self.x * self.y), result.eq(product)]
        now = delayed(m, use, self.delay, reset=True)[-1]
        moved = Signal.like(self.accumulator)
        with m.Switch(now.place):
            for place, shift in enumerate(self._shifts):
                with m.Case(place):
                    m.d.comb += moved.eq(result << shift)
        # A single adder: to subtract is to add the complement and one, which comes in as a carry below bit 0.
        term = Mux(now.adds, moved ^ now.minus.replicate(len(moved)), 0)
        total = Cat(1, self.accumulator) + Cat(now.adds & now.minus, term)
        m.d.comb += [self.product.eq(result), self.total.eq(total[1:])]
        return m
