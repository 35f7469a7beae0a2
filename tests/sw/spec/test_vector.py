"""The vector arithmetic against real arithmetic on the same integers: the error bounds that its docstring states."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.spec.curves import CURVE_FRACTION_BITS, RECIPROCAL_CURVE, ROOT_CURVE, curve
from gatewright.spec.errors import SpecError
from gatewright.spec.vector import (
    NORM_FRACTION_BITS,
    SOFTMAX_FRACTION_BITS,
    SOFTMAX_STEPS,
    TABLE_STEP_BITS,
    VALUE_BITS,
    Combine,
    ElementType,
    apply_table,
    combine,
    normalise,
    out,
    softmax,
    softmax_weight,
    table_records,
)

INT16 = np.arange(-(1 << 15), 1 << 15)


def _rows(seed: int, cols: int, low: int, high: int) -> np.ndarray:
    """Eight rows of every character: uniform, extreme, one outlier, all but constant, constant, small, zero, ramp."""
    rng = np.random.default_rng(seed)
    constant = int(rng.integers(low, high))
    ramp = np.linspace(low, high, cols).astype(np.int64)
    rows = np.stack(
        [
            rng.integers(low, high + 1, cols),
            rng.choice([low, high], cols),
            rng.integers(-3, 4, cols),
            np.full(cols, constant),
            np.full(cols, constant),
            rng.integers(-1, 2, cols),
            np.zeros(cols, np.int64),
            rng.permutation(ramp),
        ]
    )
    rows[2, 0] = high
    rows[3, rng.integers(cols)] += -1 if constant == high else 1
    return rows


@pytest.mark.parametrize(
    ("table", "low", "real"),
    [(ROOT_CURVE, 1 << VALUE_BITS - 2, lambda m: m**-0.5), (RECIPROCAL_CURVE, 1 << VALUE_BITS - 1, lambda m: 1 / m)],
    ids=["root", "reciprocal"],
)
def test_curves_stay_within_their_relative_error(table: np.ndarray, low: int, real) -> None:
    mantissa = np.arange(low, 1 << VALUE_BITS)
    found = curve(table, mantissa) / 2.0**CURVE_FRACTION_BITS
    assert np.abs(found / real(mantissa / 2.0**VALUE_BITS) - 1).max() <= 2.0**-15
    assert curve(table, mantissa).max() < 1 << CURVE_FRACTION_BITS + 2


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    cols=st.sampled_from([1, 2, 3, 8, 100, 384, 4096]),
    epsilon=st.one_of(st.sampled_from([0, 1, (1 << 48) - 1]), st.integers(0, (1 << 48) - 1)),
    centre=st.booleans(),
)
def test_norms(seed: int, cols: int, epsilon: int, centre: bool) -> None:
    """0.5 + 2**-15 |z|, for rows of any kind."""
    x = _rows(seed, cols, -(1 << 15), (1 << 15) - 1)
    total = x.sum(-1, keepdims=True) if centre else 0
    power = (cols * np.square(x).sum(-1, keepdims=True) - np.square(total) + epsilon).astype(np.float64)
    exact = (cols * x - total) / np.sqrt(np.maximum(power, 1)) * 2.0**NORM_FRACTION_BITS
    z = normalise(x, epsilon, centre)
    assert np.all(np.abs(z - exact) <= 0.5 + 2.0**-15 * np.abs(exact))
    assert np.abs(z).max() < 1 << VALUE_BITS - 1
    assert not z[np.broadcast_to(power == 0, z.shape)].any()


def test_norms_saturate_what_they_read() -> None:
    wide = np.array([[1 << 22, -(1 << 22), 5, 7]])
    narrow = np.array([[(1 << 15) - 1, -(1 << 15), 5, 7]])
    np.testing.assert_array_equal(normalise(wide, 3, True), normalise(narrow, 3, True))


def _softmax_bound(z: np.ndarray) -> np.ndarray:
    return 1.5 + z * (2.0**-13 + z.shape[-1] / 2.0**SOFTMAX_FRACTION_BITS)


def _exact_softmax(v: np.ndarray) -> np.ndarray:
    weights = 2.0 ** ((v - v.max(-1, keepdims=True)) / 1024)
    return weights / weights.sum(-1, keepdims=True) * 2.0**SOFTMAX_FRACTION_BITS


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    cols=st.sampled_from([1, 2, 3, 8, 100, 384, 4096]),
    bits=st.integers(1, VALUE_BITS),
)
def test_softmax(seed: int, cols: int, bits: int) -> None:
    """1.5 + z (2**-13 + cols / 2**16)."""
    v = _rows(seed, cols, -(1 << bits - 1), (1 << bits - 1) - 1)
    exact = _exact_softmax(v)
    assert np.all(np.abs(softmax(v) - exact) <= _softmax_bound(exact))


@pytest.mark.parametrize("cols", [2, 384, 4096])
def test_softmax_where_every_weight_but_one_rounds_the_same_way(cols: int) -> None:
    """The worst case: many weights just below, or at, one half of their last place."""
    steps = SOFTMAX_STEPS - 1 << 10
    for distance in (steps, steps + 1, steps - 1):
        v = np.full((1, cols), -distance)
        v[0, 0] = 0
        exact = _exact_softmax(v)
        error = np.abs(softmax(v) - exact)
        assert np.all(error <= _softmax_bound(exact))
    assert softmax_weight(np.array([0, SOFTMAX_STEPS << 10, 1 << 24])).tolist() == [1 << 15, 0, 0]


@pytest.mark.parametrize(
    ("function", "curvature"),
    [(np.tanh, 0.77), (np.sin, 1.0), (lambda x: np.maximum(x, 0), 0.0), (lambda x: -0.3 * x, 0.0)],
    ids=["tanh", "sin", "relu", "linear"],
)
def test_table(function, curvature: float) -> None:
    """Half a unit at an entry; one unit and h**2 / 8 times the curvature between entries."""
    in_scale, out_scale = 2.0**-13, 2.0**-13
    records = table_records(function, in_scale, out_scale)
    exact = np.clip(function(INT16 * in_scale) / out_scale, -(1 << 15), (1 << 15) - 1)
    error = np.abs(apply_table(records, INT16) - exact)
    assert error[:: 1 << TABLE_STEP_BITS].max() <= 0.5
    between = ((1 << TABLE_STEP_BITS) * in_scale) ** 2 / 8 * curvature / out_scale
    assert error[: -(1 << TABLE_STEP_BITS)].max() <= 1 + between


def test_a_table_saturates_what_it_reads_and_holds() -> None:
    records = table_records(lambda x: 3 * x, 1.0, 1.0)
    assert apply_table(records, np.array([1 << 22, -(1 << 22)])).tolist() == [(1 << 15) - 1, -(1 << 15)]
    assert records.dtype == np.int16


def test_a_function_that_is_not_finite() -> None:
    with pytest.raises(SpecError, match="the function is not finite at 0, allowed: finite values"):
        table_records(lambda x: np.divide(1, x, out=np.full_like(x, np.inf), where=x != 0), 1.0, 1.0)


@given(
    kind=st.sampled_from(list(Combine)),
    a=st.integers(-(1 << 31), (1 << 31) - 1),
    b=st.integers(-(1 << 31), (1 << 31) - 1),
    multipliers=st.tuples(*[st.integers(-(1 << 15), (1 << 15) - 1)] * 2),
    shift=st.integers(0, 63),
)
def test_combinations_are_rounded_once(kind: Combine, a: int, b: int, multipliers, shift: int) -> None:
    alone, pair = a * multipliers[0], b * multipliers[1]
    total = {
        Combine.ALONE: alone,
        Combine.ADD: alone + pair,
        Combine.MULTIPLY: a * min(max(b, -(1 << 15)), (1 << 15) - 1),
    }[kind]
    expected = min(max(round(Fraction(total, 1 << shift)), -(1 << 23)), (1 << 23) - 1)
    found = combine(kind, np.array([a]), None if kind is Combine.ALONE else np.array([b]), *multipliers, shift)
    assert found.tolist() == [expected]


@given(
    z=st.integers(-(1 << 23), (1 << 23) - 1),
    gain=st.integers(-(1 << 15), (1 << 15) - 1),
    shift=st.integers(0, 63),
    bias=st.integers(-(1 << 31), (1 << 31) - 1),
    kind=st.sampled_from(list(ElementType)),
)
def test_results_are_rounded_once(z: int, gain: int, shift: int, bias: int, kind: ElementType) -> None:
    exact = Fraction(z * gain, 1 << max(shift, 8)) + Fraction(bias, 256)
    limits = np.iinfo(kind.dtype)
    expected = min(max(round(exact), int(limits.min)), int(limits.max))
    assert out(np.array([z]), gain, shift, bias, kind).tolist() == [expected]


def test_element_types() -> None:
    assert [ElementType.of(kind.dtype) for kind in ElementType] == list(ElementType)
    assert [kind.nbytes for kind in ElementType] == [1, 2, 4, 1]
    with pytest.raises(SpecError, match="element type float32, allowed: int8, int16, int32, uint8"):
        ElementType.of(np.float32)
