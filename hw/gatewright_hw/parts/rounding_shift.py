"""Shift right by a variable amount, without losing what rounding needs, and round half to even.

The shifter moves by 16s, then 4s, then 1s; each step is one 4:1 multiplexer per bit and one register. After each step
only the bits that can still reach the result are kept, with one flag for "does not fit" and one for "a one was shifted
out" (the sticky bit that decides ties). Free-running pipelines, one value a cycle.
"""

from __future__ import annotations

import operator

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.fixed import SHIFT_BITS
from gatewright_hw.parts.saturation import fits

__all__ = ["RoundingShift", "StickyShift", "half_even"]

_STEPS = (4, 2, 0)
"""Each step moves by 0..3 times two to this power."""


def half_even(quotient: Value, half: Value, rest: Value) -> Value:
    """``quotient`` rounded to nearest, ties to even: ``half`` is the first bit behind it, ``rest`` says whether any bit
    behind that is one."""
    return quotient + (half & (rest | quotient[0]))


def _check(name: str, in_bits: int, out_bits: int, most: int) -> tuple[int, int]:
    in_bits, out_bits = operator.index(in_bits), operator.index(out_bits)
    if not 2 <= out_bits <= in_bits <= most:
        allowed = f"2 <= out_bits <= in_bits <= {most}"
        raise ValueError(f"{name}: in_bits is {in_bits} and out_bits {out_bits}, allowed {allowed}")
    return in_bits, out_bits


def _moved(value: Value, amount: int) -> Value:
    """``value`` moved right by a constant, sign kept, width kept."""
    return Cat(value[min(amount + i, len(value) - 1)] for i in range(len(value))).as_signed()


def _select(choices: list[Value], index: Value) -> Value:
    upper = Mux(index[0], choices[3], choices[2])
    return Mux(index[1], upper, Mux(index[0], choices[1], choices[0]))


class StickyShift(wiring.Component):
    """``value >> shift`` with what was lost on both sides.

    Parameters
    ----------
    in_bits, out_bits : 2..64; out_bits at most in_bits.

    Members
    -------
    value, shift : signed(in_bits) and SHIFT_BITS, in.
    shifted : signed(out_bits), out, as all below ``delay`` cycles later; the low bits of ``value >> shift`` (floor).
    sticky : 1, out; a one was shifted out below.
    overflow, negative : 1 each, out; the quotient does not fit ``shifted``; it is negative.
    """

    delay = len(_STEPS)
    """Cycles from operands to result."""

    def __init__(self, in_bits: int, out_bits: int) -> None:
        self._in_bits, self._out_bits = _check("StickyShift", in_bits, out_bits, 64)
        super().__init__(
            {
                "value": In(signed(self._in_bits)),
                "shift": In(SHIFT_BITS),
                "shifted": Out(signed(self._out_bits)),
                "sticky": Out(1),
                "overflow": Out(1),
                "negative": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        value: Value = self.value
        amount: Value = self.shift
        sticky: Value = Signal()
        overflow: Value = Signal()
        negative: Value = self.value[-1]
        for step in _STEPS:
            factor = amount[step : step + 2]
            lost = [value[: min(i << step, len(value))].any() for i in range(1, 4)]
            stage = {
                "value": _select([_moved(value, i << step) for i in range(4)], factor),
                "sticky": sticky | Cat(0, *lost).bit_select(factor, 1),
                "overflow": overflow,
                "negative": negative,
                "amount": amount[: max(step, 1)],
            }
            after = {name: Signal(now.shape(), name=f"{name}_{step}", reset_less=True) for name, now in stage.items()}
            m.d.sync += [after[name].eq(now) for name, now in stage.items()]
            value, amount = after["value"], after["amount"]
            sticky, overflow, negative = after["sticky"], after["overflow"], after["negative"]
            kept = self._out_bits + (1 << step) - 1  # the result, and what later steps may still shift out
            if kept < len(value):
                overflow = overflow | ~fits(value, kept)
                value = value[:kept].as_signed()
        m.d.comb += [
            self.shifted.eq(value),
            self.sticky.eq(sticky),
            self.overflow.eq(overflow),
            self.negative.eq(negative),
        ]
        return m


class RoundingShift(wiring.Component):
    """``saturate(round_half_even(value / 2**shift))``, as :func:`gatewright.spec.fixed.round_half_even_shift`.

    Parameters
    ----------
    in_bits, out_bits : 2..63; out_bits at most in_bits.
    saturates : otherwise the results are known to fit.

    Members
    -------
    value, shift : signed(in_bits) and SHIFT_BITS, in.
    result : signed(out_bits), out, ``delay`` cycles later.
    """

    def __init__(self, in_bits: int, out_bits: int, saturates: bool = True) -> None:
        self._saturates = saturates
        self._in_bits, self._out_bits = _check("RoundingShift", in_bits, out_bits, 63)
        super().__init__(
            {
                "value": In(signed(self._in_bits)),
                "shift": In(SHIFT_BITS),
                "result": Out(signed(self._out_bits)),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles: the shifter, rounding, saturation."""
        return StickyShift.delay + (2 if self._saturates else 1)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        # One guard bit below the binary point decides, with the sticky bit, which way to round.
        m.submodules.shifter = shifter = StickyShift(self._in_bits + 1, self._out_bits + 1)
        m.d.comb += [shifter.value.eq(Cat(0, self.value)), shifter.shift.eq(self.shift)]

        rounded = Signal(signed(self._out_bits + 1), reset_less=True)
        m.d.sync += rounded.eq(half_even(shifter.shifted[1:].as_signed(), shifter.shifted[0], shifter.sticky))
        if not self._saturates:
            m.d.comb += self.result.eq(rounded)
            return m
        overflow = Signal(reset_less=True)
        negative = Signal(reset_less=True)
        m.d.sync += [overflow.eq(shifter.overflow), negative.eq(shifter.negative)]
        result = Signal(signed(self._out_bits), reset_less=True)
        clamp = overflow | ~fits(rounded, self._out_bits)
        limit = Cat((~negative).replicate(self._out_bits - 1), negative).as_signed()
        m.d.sync += result.eq(Mux(clamp, limit, rounded[: self._out_bits].as_signed()))
        m.d.comb += self.result.eq(result)
        return m
