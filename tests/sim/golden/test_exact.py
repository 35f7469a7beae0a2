"""Integer arithmetic in floating point equals the integer formulas of the contract."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gatewright.spec.fixed import requantise
from gatewright_sim.golden.exact import exact_matmul, factor, rescale


@pytest.mark.parametrize("largest", [1 << 14, 255 << 7, 1 << 22, 1 << 24])
@pytest.mark.parametrize("inner", [1, 3, 4, 5, 513, 514, 515, 1024, 1025, 2049])
def test_extreme_products_sum_exactly(largest: int, inner: int) -> None:
    side = 1 << (largest.bit_length() // 2)
    left = np.full((2, inner), side, np.int32)
    right = np.full((inner, 3), -(largest // side), np.int32)
    left[1, ::2] *= -1
    expected = left.astype(np.int64) @ right.astype(np.int64)
    np.testing.assert_array_equal(exact_matmul(left, right, largest).astype(np.int64), expected)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(2, 12))
def test_sums_in_pieces_equal_the_integer_product(seed: int, inner: int, bits: int) -> None:
    """Products as large as 2**(2 * bits - 2), so that a piece holds as few as 4 of them."""
    rng = np.random.default_rng(seed)
    limit = 1 << bits - 1
    left, right = rng.integers(-limit, limit, (2, 3, inner)), rng.integers(-limit, limit, (2, inner, 4))
    result = exact_matmul(left, right, max(limit**2, 1 << 22))
    np.testing.assert_array_equal(result.astype(np.int64), left @ right)


def test_sums_that_a_double_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="inner dimension is 4"):
        exact_matmul(np.zeros((1, 4), np.int64), np.zeros((4, 1), np.int64), 1 << 52)


_ACCUMULATORS = st.one_of(
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(0, 31).flatmap(lambda bits: st.integers(-(1 << bits), (1 << bits) - 1)),
    st.sampled_from([-(1 << 31), (1 << 31) - 1]),
)


@given(
    acc=npst.arrays(np.int64, 20, elements=_ACCUMULATORS),
    multiplier=npst.arrays(np.uint16, 20),
    shift=npst.arrays(np.uint8, 20, elements=st.integers(0, 63)),
    bits=st.sampled_from([8, 16]),
)
def test_rescaling_is_requantisation(acc, multiplier, shift, bits) -> None:
    result = rescale(acc, factor(multiplier, shift), {8: np.int8, 16: np.int16}[bits], int(np.abs(acc).max()))
    np.testing.assert_array_equal(result, requantise(acc, multiplier, shift, bits))


@given(
    odd=npst.arrays(np.int64, 20, elements=st.integers(-300, 300).map(lambda value: 2 * value + 1)),
    shift=st.integers(1, 20),
)
def test_ties_go_to_even(odd, shift) -> None:
    result = rescale(odd << shift - 1, factor(1, shift), np.int16, 1 << 31)
    np.testing.assert_array_equal(result, requantise(odd << shift - 1, 1, shift, 16))
    assert not np.any(result & 1)
