"""The golden vector kernel equals the contract's integer arithmetic, step by step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.spec import vector as spec
from gatewright.spec.vector import Combine, ElementType, Function
from gatewright.spec.vector_op import Record, VectorOp
from gatewright_sim.golden.vector import vector

TYPES = list(ElementType)


def _by_the_contract(op: VectorOp, a: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    v = spec.combine(op.combine, a, b, op.a_multiplier, op.b_multiplier, op.combine_shift)
    match op.function:
        case Function.NONE:
            z = v
        case Function.TABLE:
            z = spec.apply_table(op.table, v)
        case Function.LAYER_NORM | Function.RMS_NORM:
            z = spec.normalise(v, op.epsilon, centre=op.function is Function.LAYER_NORM)
        case Function.SOFTMAX:
            z = spec.softmax(v)
    return spec.out(z, op.out.gain, op.out.shift, op.out.bias, op.y_type)


def _operand(rng: np.random.Generator, kind: ElementType, shape: tuple[int, int]) -> np.ndarray:
    """Uniform, only extreme, small, or constant."""
    limits = np.iinfo(kind.dtype)
    match rng.integers(4):
        case 0:
            values = rng.integers(limits.min, limits.max, shape, endpoint=True)
        case 1:
            values = rng.choice([limits.min, limits.max], shape)
        case 2:
            values = rng.integers(max(limits.min, -9), 9, shape)
        case _:
            values = np.full(shape, rng.integers(limits.min, limits.max, endpoint=True))
    return values.astype(kind.dtype)


def _spread(rng: np.random.Generator, bits: int, size: int) -> np.ndarray:
    """Signed integers of any magnitude below ``2**bits``."""
    return rng.integers(-(1 << bits), 1 << bits, size) >> rng.integers(0, bits + 1, size)


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_equals_the_contract(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    combine = data.draw(st.sampled_from(list(Combine)), label="combine")
    function = data.draw(st.sampled_from(list(Function)), label="function")
    rows, cols = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([1, 2, 7, 64, 4096]), label="cols")
    a = _operand(rng, data.draw(st.sampled_from(TYPES), label="a"), (data.draw(st.sampled_from([1, rows])), cols))
    b = None
    if combine is not Combine.ALONE:
        shape = (data.draw(st.sampled_from([1, rows])), data.draw(st.sampled_from([1, cols])))
        b = _operand(rng, data.draw(st.sampled_from(TYPES), label="b"), shape)
    records = data.draw(st.sampled_from([1, cols]), label="records")
    largest_shift = data.draw(st.sampled_from([12, 29, 63]), label="shift")
    out = Record(
        gain=_spread(rng, 15, records).astype(np.int16),
        shift=rng.integers(0, largest_shift, records, endpoint=True).astype(np.uint8),
        bias=_spread(rng, 31, records).astype(np.int32) * data.draw(st.integers(0, 1), label="biased"),
    )
    table = rng.integers(-(1 << 15), 1 << 15, (spec.TABLE_ENTRIES, 2)).astype(np.int16)
    op = VectorOp(
        data.draw(st.sampled_from(TYPES), label="y"),
        out,
        combine,
        int(_spread(rng, 15, 1)[0]),
        int(_spread(rng, 15, 1)[0]),
        data.draw(st.one_of(st.integers(0, 24), st.integers(0, 63)), label="combine_shift"),
        function,
        data.draw(st.sampled_from([0, 1, 1 << 20, (1 << 48) - 1]), label="epsilon"),
        table if function is Function.TABLE else None,
    )
    result = vector(op, a, b)
    assert result.dtype == op.y_type.dtype
    np.testing.assert_array_equal(result, _by_the_contract(op, a, b))


@given(st.integers(8, 63), st.integers(-(1 << 15), (1 << 15) - 1), st.integers(-(1 << 31), (1 << 31) - 1))
def test_rounding_happens_once(shift: int, gain: int, bias: int) -> None:
    """The exact rational result, rounded half to even."""
    from fractions import Fraction

    a = np.array([[-(1 << 23), -3, -1, 0, 1, 2, 5, (1 << 23) - 1]], np.int32)
    exact = [Fraction(int(x) * gain, 1 << shift) + Fraction(bias, 256) for x in a[0]]
    expected = np.clip([round(value) for value in exact], -(1 << 31), (1 << 31) - 1)
    np.testing.assert_array_equal(vector(VectorOp(ElementType.INT32, Record(gain, shift, bias)), a)[0], expected)


@pytest.mark.parametrize(
    ("op", "b", "message"),
    [
        (VectorOp(ElementType.INT8, combine=Combine.ADD), None, "b is missing, combine is ADD"),
        (VectorOp(ElementType.INT8), np.zeros((1, 4), np.int8), "b is given, combine is ALONE"),
        (VectorOp(ElementType.INT8, function=Function.TABLE), None, "table is missing, function is TABLE"),
        (VectorOp(ElementType.INT8, table=np.zeros((512, 2), np.int16)), None, "table is given, function is NONE"),
    ],
)
def test_what_does_not_fit_is_refused(op: VectorOp, b: np.ndarray | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vector(op, np.zeros((2, 4), np.int8), b)
