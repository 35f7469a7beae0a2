"""Tables and row scale of the integer softmax, against real arithmetic and the error bounds that the module states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.spec.fixed import SHIFT_MAX, Requantise
from gatewright.spec.softmax import (
    EXP_ENTRIES,
    EXP_ONE,
    EXP_TABLE,
    RECIPROCAL_TABLE,
    SCORE_FRACTION_BITS,
    row_scale,
    score_requantise,
)


def test_exp_table() -> None:
    real = 255 * 2.0 ** (-np.arange(EXP_ENTRIES) / 128)
    assert EXP_TABLE[0] == EXP_ONE
    assert np.abs(EXP_TABLE - real).max() <= 0.5
    assert (np.diff(EXP_TABLE.astype(int)) <= 0).all()
    assert EXP_TABLE[1151] == 1
    assert not EXP_TABLE[1152:].any()


def test_reciprocal_table() -> None:
    middles = 1 + (np.arange(1024) + 0.5) / 1024
    assert np.abs(RECIPROCAL_TABLE - 65536 / middles).max() <= 0.5
    assert RECIPROCAL_TABLE[0] < 65536 <= 2 * RECIPROCAL_TABLE[-1].astype(int) + 64


@given(st.integers(1, 2**31 - 1), st.integers(2**15, 2**16 - 1), st.integers(0, 32))
def test_the_row_scale_is_the_outputs_over_the_sum(total: int, multiplier: int, shift: int) -> None:
    out = Requantise(multiplier, shift)
    made, moved = row_scale(np.array([total]), out)
    assert 0 <= made[0] < 1 << 16
    assert 0 <= moved[0] <= SHIFT_MAX
    real = out.scale / total
    # 2**-11 of the reciprocal's interval, and half a unit each of table and product
    assert abs(made[0] * 2.0 ** -int(moved[0]) - real) <= real * (2.0**-11 + 2.0**-16) + 2.0 ** -int(moved[0])


def test_a_row_without_keys_scales_to_zero() -> None:
    multiplier, _ = row_scale(np.array([[0], [255]]), Requantise(65535, 16))
    assert multiplier[0, 0] == 0
    assert multiplier[1, 0] > 0


def test_the_row_scales_shift_stops_at_its_width() -> None:
    _, shift = row_scale(np.array([2**31 - 1]), Requantise(1, 63))
    assert shift[0] == SHIFT_MAX


@pytest.mark.parametrize("head_dim", [8, 32, 64])
def test_score_requantise(head_dim: int) -> None:
    """A unit of a score is 2**-7 of an octave of the weight exp(q k / sqrt(d))."""
    q_scale, k_scale, acc = 0.02, 0.03, 54321
    made = score_requantise(q_scale, k_scale, head_dim)
    score = int(made.compute(np.array([acc]), bits=16)[0])
    weight = math.exp(acc * q_scale * k_scale / math.sqrt(head_dim))
    assert 2.0 ** (score / 2**SCORE_FRACTION_BITS) == pytest.approx(weight, rel=2.0**-7)
