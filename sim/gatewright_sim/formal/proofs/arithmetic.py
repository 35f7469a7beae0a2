"""Rounding and saturation: for every operand and every shift, what :mod:`gatewright.spec.fixed` says."""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cover, Module, Signal, Value, ValueLike

from gatewright.spec.fixed import ACCUMULATOR_BITS, AGGREGATE_ACCUMULATOR_BITS, MULTIPLIER_BITS
from gatewright_hw.parts import requantiser, rounding_shift
from gatewright_hw.parts.requantiser import Requantiser
from gatewright_hw.parts.rounding_shift import RoundingShift, StickyShift
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.proof import Bug, Mode, Proof

__all__ = ["TABLE"]

REDUCED_ACCUMULATOR_BITS = 20
"""Three more than the requantiser's lower half."""
REDUCED_MULTIPLIER_BITS = 4


def _after(m: Module, value: ValueLike, cycles: int) -> Value:
    """``value`` of so many cycles ago."""
    now = Value.cast(value)
    for _ in range(cycles):
        before = Signal(now.shape(), name="before")
        m.d.sync += before.eq(now)
        now = before
    return now


def _rounds(value: Value, shift: Value, result: Value) -> Value:
    """Whether ``result`` is ``saturate(round_half_even(value / 2**shift))``.

    It says what makes a result right, not how to come by one: ``value`` lies within half a unit (2**shift) of
    ``result`` units, at just that distance only where the result is even, and farther away only beyond the largest or
    the least result.
    """
    error = (value << 1) - ((result << 1) << shift)  # in half units of 2**-shift
    half = 1 << shift
    least, largest = -(1 << len(result) - 1), (1 << len(result) - 1) - 1
    even = ~result[0]
    not_too_large = (error > -half) | ((error == -half) & even) | (result == least)
    not_too_small = (error < half) | ((error == half) & even) | (result == largest)
    return not_too_large & not_too_small


class RoundingShiftHarness(Harness):
    """Full width: nothing is assumed of value or shift."""

    def __init__(self, in_bits: int, out_bits: int) -> None:
        super().__init__(RoundingShift(in_bits, out_bits))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        value, shift = _after(m, part.value, part.delay), _after(m, part.shift, part.delay)
        m.d.comb += [
            Assert(_rounds(value, shift, part.result)),
            Cover((shift == 3) & (value == 12) & (part.result == 2)),  # a tie
            Cover((shift == 63) & (value != 0)),
        ]
        return m


class RequantiserHarness(Harness):
    """One set of operands, of a reduced width, on its way through the pipeline: a product of two variables is what SAT
    is slow at."""

    def __init__(self) -> None:
        super().__init__(Requantiser(ACCUMULATOR_BITS))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        acc, multiplier, shift = (_after(m, each, part.delay) for each in (part.acc, part.multiplier, part.shift))
        begin = Signal(init=1)
        m.d.sync += begin.eq(0)
        there = _after(m, begin, part.delay)
        limit = 1 << REDUCED_ACCUMULATOR_BITS - 1
        m.d.comb += [
            Assume((part.acc < limit) & (part.acc >= -limit)),
            Assume(part.multiplier < 1 << REDUCED_MULTIPLIER_BITS),
            Assert(~there | _rounds(acc * multiplier, shift, part.result)),
            Cover(there & (shift == 3) & (acc < -(1 << 18)) & (multiplier != 0)),
        ]
        return m


_DEPTH = StickyShift.delay + 4
"""A pipeline forgets what was before so many cycles: an induction over them is a proof."""
_WIDTHS = {
    "gemm": ACCUMULATOR_BITS + MULTIPLIER_BITS,
    "aggregate": AGGREGATE_ACCUMULATOR_BITS + MULTIPLIER_BITS,
}

TABLE = (
    *(
        Proof(
            f"rounding_shift_{name}",
            f"a shift of {bits} bits to 8 rounds to the nearest, ties to even, and saturates",
            lambda bits=bits: RoundingShiftHarness(bits, 8),  # type: ignore[misc]
            Mode.INDUCTIVE,
            _DEPTH,
            (
                Bug("ties go up", rounding_shift, "half & (rest | quotient[0])", "half"),
                Bug(
                    "what was shifted out by the first step is forgotten",
                    rounding_shift,
                    '"sticky": sticky | ',
                    '"sticky": ',
                ),
                Bug(
                    "negative overflow saturates upwards",
                    rounding_shift,
                    "[overflow.eq(shifter.overflow), negative.eq(shifter.negative)]",
                    "overflow.eq(shifter.overflow)",
                ),
            ),
        )
        for name, bits in _WIDTHS.items()
    ),
    Proof(
        "requantiser",
        f"a requantiser rounds acc x multiplier / 2**shift, for {REDUCED_ACCUMULATOR_BITS} x {REDUCED_MULTIPLIER_BITS} "
        "bits and every shift",
        RequantiserHarness,
        Mode.BOUNDED,
        _DEPTH + 2,  # its product takes three cycles more
        (
            Bug("the upper half's product lacks the lower one's carry", requantiser, "high + low[_LOW_BITS:]", "high"),
            Bug(
                "the shift comes a cycle early",
                requantiser,
                "delayed(m, self.shift, _PRODUCT_DELAY)",
                "delayed(m, self.shift, _PRODUCT_DELAY - 1)",
            ),
        ),
    ),
)
