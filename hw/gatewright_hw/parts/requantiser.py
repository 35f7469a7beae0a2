"""Requantiser: y = saturate(round_half_even(acc * multiplier / 2**shift)), one value per cycle.

Formats
    acc         signed, ``acc_bits`` wide (32 for gemm and attention, 40 for aggregation)
    multiplier  unsigned, MULTIPLIER_BITS
    shift       unsigned, SHIFT_BITS
    result      signed, ``out_bits`` wide, saturated

The rule is :func:`gatewright.spec.fixed.requantise`: a multiplier and a :class:`RoundingShift`. A free-running
pipeline: operands go in together in any cycle, their result comes out ``delay`` cycles later. There is no stall; a user
that needs back-pressure reserves room for results in flight.

The product takes two DSP48E1: the accumulator is cut into an unsigned low part and a signed high part that each fit
the 25 x 18 multiplier, and the high half's post-adder joins them.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.fixed import MULTIPLIER_BITS, SHIFT_BITS
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.parameters import in_range
from gatewright_hw.parts.rounding_shift import RoundingShift

__all__ = ["Requantiser"]

_LOW_BITS = 17
"""Unsigned low part of the accumulator: 18 bits with its sign, the narrower input of a DSP48E1."""
_HIGH_BITS = 25
"""The signed high part's most: the wider input."""
_PRODUCT_DELAY = 3
"""Cycles: operand registers, multipliers, join."""


class Requantiser(wiring.Component):
    """One requantiser lane.

    Parameters
    ----------
    acc_bits : width of the accumulator, 18..42.
    out_bits : width of the saturated result, 2..24.

    Members
    -------
    acc : signed(acc_bits), in.
    multiplier, shift : MULTIPLIER_BITS and SHIFT_BITS, in.
    result : signed(out_bits), out, ``delay`` cycles later.
    """

    def __init__(self, acc_bits: int, out_bits: int = 8) -> None:
        acc_bits = in_range("Requantiser", "acc_bits", acc_bits, _LOW_BITS + 1, _LOW_BITS + _HIGH_BITS)
        out_bits = in_range("Requantiser", "out_bits", out_bits, 2, 24)
        self._shifter = RoundingShift(acc_bits + MULTIPLIER_BITS, out_bits)
        super().__init__(
            {
                "acc": In(signed(acc_bits)),
                "multiplier": In(MULTIPLIER_BITS),
                "shift": In(SHIFT_BITS),
                "result": Out(signed(out_bits)),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from operands to result."""
        return _PRODUCT_DELAY + self._shifter.delay

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.shifter = shifter = self._shifter
        acc = Signal(self.acc.shape(), reset_less=True)
        multiplier = Signal(MULTIPLIER_BITS, reset_less=True)
        high = Signal(signed(len(acc) - _LOW_BITS + MULTIPLIER_BITS), reset_less=True)
        low = Signal(_LOW_BITS + MULTIPLIER_BITS, reset_less=True)
        joined = Signal(signed(len(high)), reset_less=True)
        tail = Signal(_LOW_BITS, reset_less=True)
        m.d.sync += [
            acc.eq(self.acc),
            multiplier.eq(self.multiplier),
            high.eq(acc[_LOW_BITS:].as_signed() * multiplier),
            low.eq(acc[:_LOW_BITS] * multiplier),
            joined.eq(high + low[_LOW_BITS:]),
            tail.eq(low[:_LOW_BITS]),
        ]
        m.d.comb += [
            shifter.value.eq(Cat(tail, joined).as_signed()),
            shifter.shift.eq(delayed(m, self.shift, _PRODUCT_DELAY)[-1]),
            self.result.eq(shifter.result),
        ]
        return m
