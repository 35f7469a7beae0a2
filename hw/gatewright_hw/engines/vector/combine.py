"""The first stage: v = saturate24(round_half_even((a * x + b * y) / 2**shift)) on a group of elements.

    ALONE     x = a_multiplier, y = 0
    ADD       x = a_multiplier, y = b_multiplier
    MULTIPLY  x = saturate16(b), y = 0

Formats: a, b at most int32; x, y int16; v signed, VALUE_BITS. The rule is :func:`gatewright.spec.vector.combine`.

Two multipliers of 17 x 16 bits per lane. Elements of 8 and 16 bits take one cycle. A ``wide`` group takes two: its high
halves (``high``), then, in the very next cycle, its low halves, for which ``valid`` is set.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.fixed import SHIFT_BITS
from gatewright.spec.vector import GAIN_BITS, VALUE_BITS, Combine
from gatewright_hw.engines.vector.groups import ELEMENT_BITS, raw_group, value_group
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.rounding_shift import RoundingShift
from gatewright_hw.parts.saturation import saturated

__all__ = ["COMBINATION", "CombineLanes"]

_HALF_BITS = ELEMENT_BITS // 2
_PRODUCT_BITS = _HALF_BITS + 1 + GAIN_BITS
_TOTAL_BITS = ELEMENT_BITS + GAIN_BITS + 1

_SHIFT_STAGE = 6
"""Cycles to the shifter: halves, operands, product and its register, sum, total."""

COMBINATION = data.StructLayout(
    {"kind": 2, "a_multiplier": signed(GAIN_BITS), "b_multiplier": signed(GAIN_BITS), "shift": SHIFT_BITS}
)
"""What is computed; ``kind`` is a :class:`Combine`."""


class CombineLanes(wiring.Component):
    """A pipeline without a stall.

    Parameters
    ----------
    lanes : elements of a group.

    Members
    -------
    combination : COMBINATION, in; constant while groups come, as is ``wide``.
    wide : 1, in; groups take two cycles.
    valid, high : 1 each, in; a group's only or last half is there; the high halves of a ``wide`` group are.
    a, b : :func:`.raw_group`, in; the same in both cycles of a ``wide`` group.
    v_valid, v : 1 and :func:`.value_group`, out; ``delay`` cycles after ``valid``.
    """

    def __init__(self, lanes: int) -> None:
        self._shifters = [RoundingShift(_TOTAL_BITS, VALUE_BITS) for _ in range(lanes)]
        super().__init__(
            {
                "combination": In(COMBINATION),
                "wide": In(1),
                "valid": In(1),
                "high": In(1),
                "a": In(raw_group(lanes)),
                "b": In(raw_group(lanes)),
                "v_valid": Out(1),
                "v": Out(value_group(lanes)),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from a group to v."""
        return _SHIFT_STAGE + self._shifters[0].delay

    def _half(self, element: Value) -> Value:
        """What of an element is multiplied in this cycle."""
        high = element[_HALF_BITS:].as_signed()
        low = Mux(self.wide, element[:_HALF_BITS], element[: _HALF_BITS + 1].as_signed())
        return Mux(self.high, high, low)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        combination = self.combination
        m.d.comb += self.v_valid.eq(delayed(m, self.valid, self.delay, reset=True)[-1])
        for lane, shifter in enumerate(self._shifters):
            m.submodules[f"shift_{lane}"] = shifter

            def register(bits: int, name: str, lane: int = lane) -> Signal:
                return Signal(signed(bits), name=f"{name}_{lane}", reset_less=True)

            a_half, b_half = register(_HALF_BITS + 1, "a_half"), register(_HALF_BITS + 1, "b_half")
            a, b = register(_HALF_BITS + 1, "a"), register(_HALF_BITS + 1, "b")
            x, y, factor = register(GAIN_BITS, "x"), register(GAIN_BITS, "y"), register(GAIN_BITS, "factor")
            a_product, b_product = register(_PRODUCT_BITS, "a_product"), register(_PRODUCT_BITS, "b_product")
            a_term, b_term = register(_PRODUCT_BITS, "a_term"), register(_PRODUCT_BITS, "b_term")
            total, before = register(_PRODUCT_BITS + 1, "sum"), register(_PRODUCT_BITS + 1, "sum_before")
            joined = register(_TOTAL_BITS, "total")
            m.d.sync += [
                a_half.eq(self._half(self.a[lane])),
                b_half.eq(self._half(self.b[lane])),
                factor.eq(saturated(self.b[lane], GAIN_BITS)),
                a.eq(a_half),
                b.eq(b_half),
                x.eq(Mux(combination.kind == Combine.MULTIPLY, factor, combination.a_multiplier)),
                y.eq(Mux(combination.kind == Combine.ADD, combination.b_multiplier, 0)),
                a_product.eq(a * x),
                b_product.eq(b * y),
                a_term.eq(a_product),
                b_term.eq(b_product),
                total.eq(a_term + b_term),
                before.eq(total),
                joined.eq(total + Mux(self.wide, before << _HALF_BITS, 0)),
            ]
            m.d.comb += [shifter.value.eq(joined), shifter.shift.eq(combination.shift), self.v[lane].eq(shifter.result)]
        return m
