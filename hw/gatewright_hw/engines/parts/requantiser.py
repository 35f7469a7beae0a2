"""Requantiser: y = saturate(round_half_even(acc * multiplier / 2**shift)), one value per cycle.

Formats
    acc         signed, ``acc_bits`` wide (32 for gemm and attention, 40 for aggregation)
    multiplier  unsigned, MULTIPLIER_BITS
    shift       unsigned, SHIFT_BITS
    result      signed, ``out_bits`` wide, saturated

The rule is :func:`gatewright.spec.fixed.requantise`. A free-running pipeline: operands go in together in any cycle,
their result comes out ``delay`` cycles later. There is no stall; a user that needs back-pressure reserves room for
results in flight.

The product takes two DSP48E1: the accumulator is cut into an unsigned low part and a signed high part that each fit
the 25 x 18 multiplier, and the high half's post-adder joins them. The barrel shifter moves by 16s, then 4s, then 1s;
each step is one 4:1 multiplexer per bit, and after each only the bits that can still reach the result are kept, with
one flag for "does not fit" and one for "a one was shifted out" (the sticky bit that decides ties).
"""

from __future__ import annotations

import operator

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.fixed import MULTIPLIER_BITS, SHIFT_BITS

__all__ = ["Requantiser"]

_LOW_BITS = 17
"""Unsigned low part of the accumulator: 18 bits with its sign, the narrower input of a DSP48E1."""

_STEPS = (4, 2, 0)
"""Each shifter step moves by 0..3 times two to this power."""


def _arithmetic_right(value: Value, amount: int, width: int) -> Value:
    """``width`` low bits of the signed ``value`` moved right by a constant."""
    return Cat(value[min(amount + i, len(value) - 1)] for i in range(width)).as_signed()


class Requantiser(wiring.Component):
    """One requantiser lane.

    Parameters
    ----------
    acc_bits : width of the accumulator, 18..42.
    out_bits : width of the saturated result, 2..24.

    Attributes
    ----------
    acc : signed(acc_bits), in
    multiplier : unsigned(16), in
    shift : unsigned(6), in
    result : signed(out_bits), out
    delay : cycles from operands to result
    """

    def __init__(self, acc_bits: int, out_bits: int = 8) -> None:
        self.acc_bits = operator.index(acc_bits)
        self.out_bits = operator.index(out_bits)
        if not _LOW_BITS < self.acc_bits <= _LOW_BITS + 25:
            raise ValueError(f"acc_bits is {acc_bits}, allowed {_LOW_BITS + 1}..{_LOW_BITS + 25}")
        if not 2 <= self.out_bits <= 24:
            raise ValueError(f"out_bits is {out_bits}, allowed 2..24")
        super().__init__(
            {
                "acc": In(signed(self.acc_bits)),
                "multiplier": In(MULTIPLIER_BITS),
                "shift": In(SHIFT_BITS),
                "result": Out(signed(self.out_bits)),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles: operand registers, multipliers, join, the shifter's steps, rounding, saturation."""
        return 3 + len(_STEPS) + 2

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # The product, with one guard bit below the binary point.
        acc = Signal(signed(self.acc_bits))
        multiplier = Signal(MULTIPLIER_BITS)
        high = Signal(signed(self.acc_bits - _LOW_BITS + MULTIPLIER_BITS + 1))
        low = Signal(_LOW_BITS + MULTIPLIER_BITS)
        joined = Signal(signed(len(high)))
        tail = Signal(_LOW_BITS)
        m.d.sync += [
            acc.eq(self.acc),
            multiplier.eq(self.multiplier),
            high.eq(acc[_LOW_BITS:].as_signed() * multiplier),
            low.eq(acc[:_LOW_BITS] * multiplier),
            joined.eq(high + low[_LOW_BITS:]),
            tail.eq(low[:_LOW_BITS]),
        ]
        amount: Value = self.shift
        for _ in range(3):
            amount = _register(m, amount, "amount")

        value: Value = Cat(0, tail, joined[: self.acc_bits + MULTIPLIER_BITS - _LOW_BITS]).as_signed()
        sticky: Value = Signal()
        overflow: Value = Signal()
        negative: Value = value[-1]
        for step in _STEPS:
            kept = self.out_bits + 1 + (1 << step)  # guard, quotient, and what later steps may still shift out
            factor = amount[step : step + 2]
            moved = [_arithmetic_right(value, i << step, len(value)) for i in range(4)]
            lost = [value[: min(i << step, len(value))].any() for i in range(1, 4)]
            now_sticky = Signal(name=f"sticky_{step}")
            now_value = Signal(Shape.cast(moved[0].shape()), name=f"value_{step}")
            m.d.sync += [
                now_sticky.eq(sticky | Cat(0, *lost).bit_select(factor, 1)),
                now_value.eq(_select(moved, factor)),
            ]
            overflow = _register(m, overflow, f"overflow_{step}")
            negative = _register(m, negative, f"negative_{step}")
            amount = _register(m, amount[: max(step, 1)], f"amount_{step}")
            sticky = now_sticky
            if kept < len(now_value):
                top = now_value[kept - 1 :]
                overflow = overflow | (top.any() & ~top.all())
                value = now_value[:kept].as_signed()
            else:
                value = now_value

        # Ties to even: a half counts when anything below it, or the quotient's last bit, is one.
        quotient = value[1:].as_signed()
        rounded = Signal(signed(len(quotient) + 1))
        m.d.sync += rounded.eq(quotient + (value[0] & (sticky | value[1])))
        overflow = _register(m, overflow, "overflow_rounded")
        negative = _register(m, negative, "negative_rounded")

        top = rounded[self.out_bits - 1 :]
        clamp = overflow | (top.any() & ~top.all())
        limit = Cat((~negative).replicate(self.out_bits - 1), negative).as_signed()
        m.d.sync += self.result.eq(Mux(clamp, limit, rounded[: self.out_bits].as_signed()))
        return m


def _register(m: Module, value: Value, name: str) -> Signal:
    delayed = Signal(Shape.cast(value.shape()), name=name)
    m.d.sync += delayed.eq(value)
    return delayed


def _select(choices: list[Value], index: Value) -> Value:
    upper = Mux(index[0], choices[3], choices[2])
    return Mux(index[1], upper, Mux(index[0], choices[1], choices[0]))
