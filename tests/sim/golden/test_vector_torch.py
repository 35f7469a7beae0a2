"""Vector operations against PyTorch in float64 on the same integers: random, extreme and MiniLM's own activations.

The bounds follow from the error of each function as :mod:`gatewright.spec.vector` states it. They are in units of the
result's last place, like everything here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log

import numpy as np
import pytest

from gatewright.spec.vector import EXP2_FRACTION_BITS, SOFTMAX_FRACTION_BITS, TABLE_STEP_BITS, Combine, ElementType
from gatewright_sim.golden.vector import vector
from gatewright_sim.stimulus import MeanPoolStimulus, VectorFunction, VectorStimulus

CONSTANT = 2.0**-15
"""Relative error of a multiplier or gain of 15 bits."""
BIAS = 2.0**-9
OUT = 0.5


def _factor(case: VectorStimulus) -> np.ndarray:
    """Units of y in one of z."""
    return np.abs(np.asarray(case.op.out.gain, np.float64)) / 2.0 ** np.asarray(case.op.out.shift, np.float64)


def _linear(case: VectorStimulus, y: np.ndarray) -> np.ndarray:
    """Half a unit of v, the constants' error on each operand."""
    a, b = np.abs(case.a * case.a_scale), 0 if case.b is None else np.abs(case.b * case.b_scale)
    if case.function is VectorFunction.ADD:
        finer = (
            CONSTANT
            * (b if case.b_scale < case.a_scale else a)
            * (max(case.a_scale, case.b_scale) / min(case.a_scale, case.b_scale))
        )
        return 0.5 * _factor(case) + finer / case.output_scale
    return 0.5 * _factor(case) if case.function is VectorFunction.MULTIPLY else 0 * y


def _gelu(case: VectorStimulus, y: np.ndarray) -> np.ndarray:
    curvature = 2 / np.sqrt(2 * np.pi)  # of GELU at 0, its largest
    step = case.a_scale * (1 << TABLE_STEP_BITS)
    return _factor(case) + step**2 / 8 * curvature / case.output_scale + 0 * y


def _softmax(case: VectorStimulus, y: np.ndarray) -> np.ndarray:
    """That of the function, and of its input: half a unit and the multiplier's error, for an element and its peak."""
    cols, units = case.a.shape[1], 1 << EXP2_FRACTION_BITS
    largest = np.abs(case.a).max() * case.a_scale / log(2) * units
    weight = 2.0 ** (2 * (0.5 + CONSTANT * largest) / units) - 1
    z = y * case.output_scale * 2.0**SOFTMAX_FRACTION_BITS
    error = 1.5 + z * (1 + weight) ** 2 * (1 + 2.0**-13 + cols / 2.0**SOFTMAX_FRACTION_BITS) - z
    return error * _factor(case)


def _norm(case: VectorStimulus, y: np.ndarray) -> np.ndarray:
    scaled = np.abs(y - case.bias / case.output_scale * (case.function is VectorFunction.LAYER_NORM))
    return 0.5 * _factor(case) + 2.0**-15 * scaled + BIAS


ERRORS: dict[VectorFunction, Callable[[VectorStimulus, np.ndarray], np.ndarray]] = {
    VectorFunction.ADD: _linear,
    VectorFunction.MULTIPLY: _linear,
    VectorFunction.REQUANTISE: _linear,
    VectorFunction.GELU: _gelu,
    VectorFunction.SOFTMAX: _softmax,
    VectorFunction.LAYER_NORM: _norm,
    VectorFunction.RMS_NORM: _norm,
}


def _check(case: VectorStimulus) -> np.ndarray:
    """Every element within its bound; returns the errors."""
    y = case.torch() / case.output_scale
    error = np.abs(case.golden() - y)
    bound = ERRORS[case.function](case, y) + CONSTANT * np.abs(y) + OUT + 1e-6
    assert np.all(error <= bound), f"{error.max():.3f} units, bound {bound.flat[np.argmax(error - bound)]:.3f}"
    return error


@pytest.mark.parametrize("function", VectorFunction)
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (7, 5), (128, 384), (32, 1536), (2, 4096)])
def test_random(function: VectorFunction, rows: int, cols: int) -> None:
    _check(VectorStimulus.random(rows + cols, function, rows, cols))


@pytest.mark.parametrize("b_scale", [1.0, 0.001, 70.0])
@pytest.mark.parametrize("function", VectorFunction)
def test_extreme(function: VectorFunction, b_scale: float, rng: np.random.Generator) -> None:
    """Full scale of both signs, one outlier in a row, constant rows, rows near zero, very different scales."""
    a = np.stack(
        [
            rng.choice([-8.0, 8.0], 384),
            np.where(np.arange(384) == 3, 8.0, rng.normal(0, 0.01, 384)),
            np.full(384, -8.0),
            np.zeros(384),
            rng.normal(0, 0.002, 384),
            np.linspace(-8, 8, 384),
        ]
    )
    _check(VectorStimulus.of(function, a, b_scale * np.roll(a, 1, 0), rng.normal(1, 1, 384), rng.normal(0, 2, 384)))


def test_layer_norms_of_minilm(minilm) -> None:
    """Nothing but the rounding of the result is seen."""
    assert len(minilm.norms) == 13 * 4
    for x, gain, bias in minilm.norms:
        assert _check(VectorStimulus.of(VectorFunction.LAYER_NORM, x, None, gain, bias)).mean() <= 0.3
        assert _check(VectorStimulus.of(VectorFunction.RMS_NORM, x, None, gain, bias)).mean() <= 0.3


def test_gelu_of_minilm(minilm) -> None:
    """The first layer's inputs reach 25, where entries of the table lie 0.1 apart: 1.3 units in the mean."""
    assert len(minilm.gelu) == 6 * 4
    for x in minilm.gelu:
        assert x.shape[1] == 1536
        assert _check(VectorStimulus.of(VectorFunction.GELU, x)).mean() <= 1.5


def test_softmax_of_minilm(minilm) -> None:
    assert len(minilm.scores) == 6 * 4
    for x in minilm.scores:
        assert _check(VectorStimulus.of(VectorFunction.SOFTMAX, x)).mean() <= 0.75


def test_sums_of_minilm(minilm) -> None:
    """Embeddings of words and positions."""
    assert len(minilm.sums) == 4
    for words, positions in minilm.sums:
        assert _check(VectorStimulus.of(VectorFunction.ADD, words, positions)).mean() <= 0.3
        assert _check(VectorStimulus.of(VectorFunction.MULTIPLY, words, positions)).mean() <= 0.3


def test_requantising_minilm(minilm) -> None:
    for x in minilm.hidden:
        _check(VectorStimulus.of(VectorFunction.REQUANTISE, x))


def test_a_residual_and_its_layer_norm_are_one_command(minilm) -> None:
    """The sum of two operands with scales of their own goes into the norm at 16 bits; the finer one's multiplier
    has 10 bits."""
    x, gain, bias = minilm.norms[1]
    residual = minilm.hidden[0]
    norm = VectorStimulus.of(VectorFunction.LAYER_NORM, x + residual, None, gain, bias)
    total = VectorStimulus.of(VectorFunction.ADD, x, residual)
    a_multiplier, b_multiplier = (round(scale / norm.a_scale * (1 << 14)) for scale in (total.a_scale, total.b_scale))
    op = replace(norm.op, combine=Combine.ADD, a_multiplier=a_multiplier, b_multiplier=b_multiplier, combine_shift=14)
    expected = norm.meaning()
    assert np.abs(vector(op, total.a, total.b) * norm.output_scale - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize(("rows", "padding"), [(1, 0), (9, 3), (128, 28), (512, 0)])
def test_mean_pooling(rows: int, padding: int) -> None:
    """Half a unit, and 2**-10.9 of the value: half an interval of the table of reciprocals."""
    case = MeanPoolStimulus.random(rows, rows, 384, padding)
    y = case.torch() / case.output_scale
    result = case.golden()
    assert result.dtype == np.int16
    assert np.all(np.abs(result - y) <= OUT + 2.0**-10.9 * np.abs(y) + 1e-6)


def test_pooling_minilm(minilm) -> None:
    for x in minilm.hidden:
        scale = np.abs(x).max() / 127
        case = MeanPoolStimulus(np.rint(x / scale).astype(np.int8), 12, np.arange(len(x)) < len(x) - 2, scale)
        y = case.torch() / case.output_scale
        assert np.all(np.abs(case.golden() - y) <= OUT + 2.0**-10.9 * np.abs(y) + 1e-6)


@pytest.mark.parametrize("function", VectorFunction)
def test_results_of_a_stimulus_use_their_range_without_saturating(function: VectorFunction) -> None:
    case = VectorStimulus.random(1, function, 9, 33)
    result, limits = case.golden(), np.iinfo(case.output_type.dtype)
    assert result.dtype == case.output_type.dtype
    assert (case.output_type is ElementType.INT8) == (function is VectorFunction.REQUANTISE)
    assert limits.max // 4 <= np.abs(result.astype(int)).max() <= limits.max
    assert np.abs(case.torch() - case.meaning()).max() <= case.output_scale
