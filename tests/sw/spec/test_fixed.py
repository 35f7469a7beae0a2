"""Fixed-point rules against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.spec.errors import SpecError
from gatewright.spec.fixed import SHIFT_MAX, Requantise, requantise, round_half_even_shift, saturate

ACCUMULATORS = st.integers(-(2**39), 2**39 - 1)
MULTIPLIERS = st.integers(0, 2**16 - 1)
SHIFTS = st.integers(0, SHIFT_MAX)


@given(st.integers(-(2**61), 2**61), SHIFTS)
def test_rounding_is_that_of_an_exact_fraction(value: int, shift: int) -> None:
    expected = round(Fraction(value, 2**shift))  # Python rounds half to even
    assert int(round_half_even_shift(np.array(value), shift)) == expected


@given(ACCUMULATORS, MULTIPLIERS, SHIFTS, st.sampled_from([8, 16]))
def test_requantise_is_multiply_round_clamp(acc: int, multiplier: int, shift: int, bits: int) -> None:
    exact = round(Fraction(acc * multiplier, 2**shift))
    expected = min(max(exact, -(2 ** (bits - 1))), 2 ** (bits - 1) - 1)
    assert int(requantise(np.array(acc), multiplier, shift, bits)) == expected
    assert int(Requantise(multiplier, shift).compute(np.array([acc]), bits)[0]) == expected


@pytest.mark.parametrize(
    ("value", "shift", "expected"),
    [(1, 1, 0), (3, 1, 2), (-1, 1, 0), (-3, 1, -2), (5, 1, 2), (7, 0, 7), (-7, 0, -7), (2, 2, 0), (6, 2, 2)],
)
def test_ties_go_to_even(value: int, shift: int, expected: int) -> None:
    assert int(round_half_even_shift(np.array([value]), np.array([shift]))[0]) == expected


def test_operands_broadcast() -> None:
    acc = np.array([[100, -100], [300, 5]])
    assert requantise(acc, np.array([1, 3]), np.array([0, 1])).tolist() == [[100, -128], [127, 8]]


def test_saturate() -> None:
    assert saturate(np.array([-129, -128, 127, 128], np.int32), 8).tolist() == [-128, -128, 127, 127]


@given(st.floats(2.0**-47, 65535.0))
def test_a_scale_is_met_to_16_bits(scale: float) -> None:
    made = Requantise.from_scale(scale)
    assert abs(made.scale - scale) <= scale * 2.0**-16


@pytest.mark.parametrize(
    ("scale", "multiplier", "shift"),
    [
        (0.0, 0, 0),
        (1.0, 1 << 15, 15),
        (65535.0, 65535, 0),
        (0.5, 1 << 15, 16),
        (math.nextafter(1.0, 0.0), 1 << 15, 15),  # rounds up to the next power of two
        (2.0**-60, 8, 63),
    ],
)
def test_scales(scale: float, multiplier: int, shift: int) -> None:
    assert Requantise.from_scale(scale) == Requantise(multiplier, shift)


@pytest.mark.parametrize("scale", [-1.0, math.inf, math.nan, 65536.0])
def test_scales_that_no_requantiser_has(scale: float) -> None:
    with pytest.raises(SpecError, match=r"scale .* is outside 0\.\.65535"):
        Requantise.from_scale(scale)


@pytest.mark.parametrize(
    ("multiplier", "shift", "message"),
    [
        (-1, 0, r"multiplier -1 is outside 0\.\.65535"),
        (65536, 0, "multiplier 65536"),
        (0, 64, r"shift 64 is outside 0\.\.63"),
    ],
)
def test_constants_out_of_range(multiplier: int, shift: int, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Requantise(multiplier, shift)
