"""Operations on real numbers as vector commands: constants at the edges of what a command holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.spec import operations
from gatewright.spec.errors import SpecError
from gatewright.spec.vector import Combine, ElementType, Function, combine, out
from gatewright.spec.vector_op import VectorOp


def compute(op: VectorOp, a: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """Combine and output stage of an operation without a function."""
    wide = combine(op.combine, a, b, op.a_multiplier, op.b_multiplier, op.combine_shift)
    return out(wide, op.out.gain, op.out.shift, op.out.bias, op.y_type)


@pytest.mark.parametrize(("a_scale", "b_scale"), [(1.0, 1.0), (0.1, 0.7), (3.0, 1e-6), (5.0, 0.0)])
def test_a_sum_weighs_its_operands_by_their_scales(a_scale: float, b_scale: float) -> None:
    op = operations.add(a_scale, b_scale, 0.5)
    unit = op.out.factor * 2.0**-op.combine_shift * 0.5
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
    assert np.allclose(op.out.factor, np.array([1, 2, 4]) * 2.0**-14 / 0.5)
    assert op.out.bias.tolist() == [0, 512, -512]
    assert np.allclose(operations.requantise(0.01, [0.5, 0.25]).out.factor, [0.02, 0.04], rtol=2.0**-15)


def test_tables() -> None:
    op = operations.table(np.tanh, 2.0**-13, 2.0**-7, ElementType.INT8)
    assert op.y_type is ElementType.INT8
    assert np.abs(op.table).max() == (1 << 15) - 1
    assert op.out.factor * (1 << 15) == pytest.approx(np.tanh(4) * 128, rel=1e-3)
    flat = operations.table(np.zeros_like, 1.0, 1.0)
    assert not flat.table.any()
    with pytest.raises(SpecError, match="not finite"):
        operations.table(lambda x: np.where(x == 0, np.nan, x), 1.0, 1.0)


SAMPLES = {
    "int8": (np.arange(-128, 128), 128.0),
    "int16": (np.array([-32767, -12345, -1, 0, 1, 77, 32767]), 32767.0),
    "int32": (np.array([-(2**31), -(2**24) - 1, -5, 0, 1, 300, 2**20, 2**31 - 1]), 2.0**31),
}


@pytest.mark.parametrize("factor", [2.0**-30, 1e-3, 0.7, 100.0, 294.0, 1e5, 1e9])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_factor_of_any_size_saturates_at_most(name: str, factor: float) -> None:
    x, bound = SAMPLES[name]
    found = compute(operations.requantise(factor, 1.0, ElementType.INT16, bias=3, bound=bound), x)
    wanted = np.clip(x * factor + 3, -32768, 32767)
    assert np.abs(found - wanted).max() <= 9 + 2.0**-15 * np.abs(wanted).max()


def test_no_column_saturates_for_the_sake_of_another() -> None:
    factor = np.array([12.0, 1e-3])
    found = compute(operations.requantise(factor, 1.0, ElementType.INT16, bound=2.0**31), np.array([[2**26], [100]]))
    assert found[0].tolist() == [32767, 32767]
    assert np.abs(found[1] - 100 * factor).max() <= 12 * 64


@pytest.mark.parametrize("y_scale", [1.0, 1e-4, 1e-5])
def test_a_product_whose_result_is_small_saturates_beyond_it(y_scale: float) -> None:
    a, b = np.array([32767, 3, -5, 32767, 0]), np.array([32767, 2, 4, -1, 9])
    found = compute(operations.multiply(1e-2, 1e-1, y_scale), a, b)
    wanted = np.clip(a * b * 1e-3 / y_scale, -32768, 32767)
    assert np.abs(found - wanted).max() <= 9 + 2.0**-15 * np.abs(wanted).max()


@pytest.mark.parametrize("scales", [(0.5, -0.5), (-0.25, 0.5), (-1.0, -1e-3)])
def test_a_negative_scale_subtracts(scales: tuple[float, float], rng: np.random.Generator) -> None:
    a, b = rng.integers(-(1 << 15) + 1, 1 << 15, (2, 64))
    found = compute(operations.add(*scales, 4.0, factor=0.5, bias=8), a, b)
    assert np.abs(found - ((a * scales[0] + b * scales[1]) * 0.5 + 8) / 4).max() <= 1


def test_what_no_record_holds_is_refused() -> None:
    with pytest.raises(SpecError, match="the scale of an output record is 1000, allowed below 128"):
        operations.multiply(1.0, 1000.0, 1.0)


@pytest.mark.parametrize(("bound", "prescale"), [(127, 256), (128, 256), (129, 128), (32767, 1), (2.0**31, 1)])
def test_a_norm_brings_few_bits_to_sixteen(bound: float, prescale: int) -> None:
    op = operations.layer_norm(0.5, 8, 1.0, epsilon=1e-2, bound=bound)
    assert op.a_multiplier == prescale
    assert op.epsilon == round(1e-2 * (8 * prescale / 0.5) ** 2)
