"""Operations on real numbers as vector commands: constants at the edges of what a command holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.spec import operations
from gatewright.spec.errors import SpecError
from gatewright.spec.operations import Record
from gatewright.spec.vector import Combine, ElementType, Function


def _scale(record: Record) -> np.ndarray:
    return np.ldexp(np.asarray(record.gain, np.float64), -np.asarray(record.shift, np.int64))


@given(
    mantissa=st.floats(0.5, 1, exclude_max=True),
    exponent=st.integers(-40, 6),
    negative=st.booleans(),
)
def test_a_record_is_near_its_scale(mantissa: float, exponent: int, negative: bool) -> None:
    scale = math.ldexp(-mantissa if negative else mantissa, exponent)
    record = Record.from_scale(scale)
    assert 8 <= record.shift <= 63
    assert abs(_scale(record) - scale) <= 2.0**-15 * abs(scale)


def test_records_at_the_edges() -> None:
    widest = Record.from_scale(np.array([127.99, -127.99, 1 - 2.0**-20, 2.0**-60, 0.0, 1.0]))
    assert widest.gain.tolist() == [32765, -32765, 16384, 8, 0, 16384]
    assert widest.shift.tolist() == [8, 8, 14, 63, 15, 14]
    assert Record.from_scale(1.0, [0.5, -(2.0**40), 2.0**40]).bias.tolist() == [128, -(2**31) + 1, 2**31 - 1]
    for scale, message in (
        (128.0, "is 128, allowed below 128"),
        (127.999, "allowed below 128"),
        (math.nan, "not finite"),
    ):
        with pytest.raises(SpecError, match=message):
            Record.from_scale(scale)
    with pytest.raises(SpecError, match="not finite"):
        Record.from_scale(1.0, math.inf)


@pytest.mark.parametrize(("a_scale", "b_scale"), [(1.0, 1.0), (0.1, 0.7), (3.0, 1e-6), (5.0, 0.0)])
def test_a_sum_weighs_its_operands_by_their_scales(a_scale: float, b_scale: float) -> None:
    op = operations.add(a_scale, b_scale, 0.5)
    unit = _scale(op.out) * 2.0**-op.combine_shift * 0.5
    assert op.combine is Combine.ADD
    assert max(op.a_multiplier, op.b_multiplier) == 1 << 14
    assert unit * op.a_multiplier == pytest.approx(a_scale, rel=2.0**-14, abs=unit / 2)
    assert unit * op.b_multiplier == pytest.approx(b_scale, rel=2.0**-14, abs=unit / 2)
    assert ((op.a_multiplier + op.b_multiplier) << 15) >> op.combine_shift <= 1 << 23


@given(st.floats(1e-12, 1e6))
def test_a_softmax_reads_any_scale(x_scale: float) -> None:
    op = operations.softmax(x_scale, 2.0**-15)
    factor = x_scale * math.log2(math.e) * 1024
    assert 0 <= op.combine_shift <= 63
    assert 0 < op.a_multiplier < 1 << 15
    found = op.a_multiplier * 2.0**-op.combine_shift
    assert found == pytest.approx(factor, rel=2.0**-14) if factor < 32767 else found == 32767
    assert op.function is Function.SOFTMAX


def test_an_epsilon_counts_in_units_of_the_input() -> None:
    op = operations.layer_norm(0.01, 384, 0.001, epsilon=1e-5)
    assert op.epsilon == round(1e-5 * (384 / 0.01) ** 2)
    assert operations.rms_norm(1e-9, 384, 0.001, epsilon=1.0).epsilon == (1 << 48) - 1


def test_a_gain_and_bias_per_column() -> None:
    op = operations.layer_norm(0.01, 3, 0.5, gain=[1, 2, 4], bias=[0, 1, -1])
    assert np.allclose(_scale(op.out), np.array([1, 2, 4]) * 2.0**-14 / 0.5)
    assert op.out.bias.tolist() == [0, 512, -512]
    assert np.allclose(_scale(operations.requantise(0.01, [0.5, 0.25]).out), [0.02, 0.04], rtol=2.0**-15)


def test_tables() -> None:
    op = operations.table(np.tanh, 2.0**-13, 2.0**-7, ElementType.INT8)
    assert op.y_type is ElementType.INT8
    assert np.abs(op.table).max() == (1 << 15) - 1
    assert _scale(op.out) * (1 << 15) == pytest.approx(np.tanh(4) * 128, rel=1e-3)
    flat = operations.table(np.zeros_like, 1.0, 1.0)
    assert not flat.table.any()
    with pytest.raises(SpecError, match="not finite"):
        operations.table(lambda x: np.where(x == 0, np.nan, x), 1.0, 1.0)
