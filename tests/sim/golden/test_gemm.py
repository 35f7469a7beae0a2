import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gatewright.spec.fixed import requantise
from gatewright_sim.golden.gemm import RESULT_TYPE, gemm


def _int8(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-128, 128, shape, np.int8)


@pytest.mark.parametrize(("m", "n", "k"), [(1, 1, 1), (5, 7, 3), (16, 33, 1024), (3, 4, 1025), (2, 3, 16384)])
def test_int32_equals_torch_integer_matmul(m: int, n: int, k: int, rng: np.random.Generator) -> None:
    a, b = _int8(rng, m, k), _int8(rng, n, k)
    expected = torch.from_numpy(a).int() @ torch.from_numpy(b).int().T
    result = gemm(a, b)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, expected.numpy())


@pytest.mark.parametrize("k", [1024, 1025, 4096, 16384])
@pytest.mark.parametrize("value", [-128, 127])
def test_extreme_operands_are_exact(k: int, value: int) -> None:
    a = np.full((2, k), -128, np.int8)
    b = np.full((3, k), value, np.int8)
    assert np.all(gemm(a, b) == -128 * value * k)


@given(
    a=npst.arrays(np.int8, st.tuples(st.integers(1, 5), st.just(9))),
    b=npst.arrays(np.int8, st.tuples(st.just(4), st.just(9))),
    bias=npst.arrays(np.int32, 4),
    multiplier=npst.arrays(np.uint16, 4),
    shift=npst.arrays(np.uint8, 4, elements=st.integers(0, 63)),
    bits=st.sampled_from([8, 16]),
)
def test_requantises_each_column_with_its_own_record(a, b, bias, multiplier, shift, bits) -> None:
    result = gemm(a, b, bias, multiplier, shift, bits)
    assert result.dtype == RESULT_TYPE[bits]
    for column in range(4):
        acc = (a.astype(np.int64) @ b[column].astype(np.int64) + bias[column] + 2**31) % 2**32 - 2**31
        expected = requantise(acc, int(multiplier[column]), int(shift[column]), bits)
        np.testing.assert_array_equal(result[:, column], expected)


def test_bias_wraps_like_a_32_bit_adder() -> None:
    one = np.ones((1, 1), np.int8)
    assert gemm(one, one, np.array([2**31 - 1], np.int32))[0, 0] == -(2**31)
    assert gemm(-one, one, np.array([-(2**31)], np.int32))[0, 0] == 2**31 - 1


@given(k=st.integers(1, 6), bias=st.integers(2**31 - 2**17, 2**31 - 1), negative=st.booleans(), seed=st.integers(0, 99))
def test_a_bias_at_the_edge_of_32_bits(k: int, bias: int, negative: bool, seed: int) -> None:
    """Just where the sum begins to wrap, and the requantiser sees the wrapped sum."""
    rng = np.random.default_rng(seed)
    a, b = (rng.choice(np.array([-128, 127], np.int8), (1, k)) for _ in range(2))
    edge = np.array([-bias if negative else bias], np.int32)
    acc = (a.astype(np.int64) @ b.T.astype(np.int64) + edge + 2**31) % 2**32 - 2**31
    np.testing.assert_array_equal(gemm(a, b, edge), acc)
    np.testing.assert_array_equal(gemm(a, b, edge, 40000, 32, 16), requantise(acc, 40000, 32, 16))


def test_batches_of_a_share_b(rng: np.random.Generator) -> None:
    a, b = _int8(rng, 6, 5, 32), _int8(rng, 8, 32)
    np.testing.assert_array_equal(gemm(a, b), np.stack([gemm(one, b) for one in a]))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"a": np.zeros((2, 3), np.int16)}, "a is int16"),
        ({"b_nk": np.zeros((4, 2), np.int8)}, "b_nk"),
        ({"bias": np.zeros(3, np.int32)}, "bias"),
        ({"shift": None}, "multiplier and shift"),
    ],
)
def test_refuses_operands_that_do_not_fit(change: dict, field: str) -> None:
    operands = {"a": np.zeros((2, 3), np.int8), "b_nk": np.zeros((4, 3), np.int8), "multiplier": 1, "shift": 0} | change
    with pytest.raises(ValueError, match=field):
        gemm(**operands)
