# amaranth: UnusedElaboratable=no

"""StickyShift, RoundingShift and half_even against the rule of ``spec.fixed``."""

from collections.abc import Callable

import numpy as np
import pytest
from amaranth.hdl import Elaboratable

from gatewright.spec.fixed import SHIFT_MAX, round_half_even_shift, saturate
from gatewright_hw.parts.rounding_shift import RoundingShift, StickyShift
from gatewright_sim.components.simulation import run_pipeline
from gatewright_sim.components.values import Int64, signed_values, ties

COUNT = 2000


def operands(rng: np.random.Generator, bits: int) -> tuple[Int64, Int64]:
    """Values of every kind, half of them on ties, and every shift."""
    shift = rng.integers(0, SHIFT_MAX, COUNT, endpoint=True)
    value = np.where(rng.integers(0, 2, COUNT), ties(rng, bits, shift), signed_values(rng, bits, COUNT))
    return value, shift


def by_cycle(value: Int64, shift: Int64) -> list[dict[str, int]]:
    return [{"value": int(v), "shift": int(s)} for v, s in zip(value, shift, strict=True)]


@pytest.mark.parametrize(("in_bits", "out_bits"), [(2, 2), (24, 24), (48, 24), (49, 24), (56, 8), (62, 8), (62, 62)])
def test_rounds_half_to_even_and_saturates(in_bits: int, out_bits: int, rng: np.random.Generator) -> None:
    value, shift = operands(rng, in_bits)
    results = run_pipeline(RoundingShift(in_bits, out_bits), by_cycle(value, shift), ["result"])
    np.testing.assert_array_equal(
        [result for (result,) in results], saturate(round_half_even_shift(value, shift), out_bits)
    )


def test_need_not_saturate_what_fits(rng: np.random.Generator) -> None:
    value, shift = operands(rng, 40)
    fits = saturate(value >> shift, 22) == value >> shift
    value, shift = value[fits], shift[fits]
    dut = RoundingShift(40, 24, saturates=False)
    results = run_pipeline(dut, by_cycle(value, shift), ["result"])
    np.testing.assert_array_equal([result for (result,) in results], round_half_even_shift(value, shift))
    assert dut.delay < RoundingShift(40, 24).delay


@pytest.mark.parametrize(("in_bits", "out_bits"), [(40, 40), (40, 12), (64, 9)])
def test_a_sticky_shift_loses_nothing(in_bits: int, out_bits: int, rng: np.random.Generator) -> None:
    value, shift = operands(rng, min(in_bits, 63))
    outputs = ["shifted", "sticky", "overflow", "negative"]
    results = run_pipeline(StickyShift(in_bits, out_bits), by_cycle(value, shift), outputs)
    shifted, sticky, overflow, negative = np.array(results).T
    quotient = value >> shift
    fits = saturate(quotient, out_bits) == quotient
    np.testing.assert_array_equal(shifted[fits], quotient[fits])
    np.testing.assert_array_equal(sticky, quotient << shift != value)
    np.testing.assert_array_equal(overflow, ~fits)
    np.testing.assert_array_equal(negative, value < 0)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RoundingShift(8, 9), "in_bits is 8 and out_bits 9, allowed 2 <= out_bits <= in_bits <= 63"),
        (lambda: RoundingShift(64, 9), "in_bits is 64 and out_bits 9, allowed 2 <= out_bits <= in_bits <= 63"),
        (lambda: RoundingShift(9, 1), "in_bits is 9 and out_bits 1, allowed 2 <= out_bits <= in_bits <= 63"),
        (lambda: StickyShift(65, 9), "in_bits is 65 and out_bits 9, allowed 2 <= out_bits <= in_bits <= 64"),
    ],
)
def test_impossible_sizes_are_refused(make: Callable[[], Elaboratable], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
