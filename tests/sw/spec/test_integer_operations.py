"""Integers through vector commands: exact, or as near as two multipliers come."""

from __future__ import annotations

import numpy as np
import pytest

from gatewright.spec.integer_operations import add_integers, rescale, upper_byte
from gatewright.spec.vector import combine, out
from gatewright.spec.vector_op import VectorOp


def compute(op: VectorOp, a: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    wide = combine(op.combine, a, b, op.a_multiplier, op.b_multiplier, op.combine_shift)
    return out(wide, op.out.gain, op.out.shift, op.out.bias, op.y_type)


@pytest.mark.parametrize("factor", [1, -1, 113, -32768])
def test_sums_are_exact(factor: int, rng: np.random.Generator) -> None:
    a, b = rng.integers(-(1 << 22), 1 << 22, 100), rng.integers(-100, 100, 100)
    assert np.array_equal(compute(add_integers(factor, -4321), a, b), a + b * factor - 4321)


def test_the_upper_byte_leaves_an_int8() -> None:
    a = np.arange(-(1 << 15), (1 << 15) - 128)
    rest = a - 256 * compute(upper_byte(), a, np.ones(1, np.int64))
    assert rest.min() == -128
    assert rest.max() == 127


@pytest.mark.parametrize("bound", [300.0, 2.0**15, 2.0**22, 2.0**31])
@pytest.mark.parametrize("factor", [np.array(1 / 3), np.array([0.01, 0.0101, 2.0]), np.array(90.0)], ids=str)
def test_integers_are_rescaled_to_the_nearest(factor: np.ndarray, bound: float, rng: np.random.Generator) -> None:
    a = rng.integers(-int(bound), int(bound), (500, 1))
    found = compute(rescale(factor, 7, bound=bound), a)
    wanted = np.clip(np.rint(a * factor) + 7, -128, 127)
    assert np.abs(found - wanted).max() <= 1
    assert (found != wanted).mean() <= 0.02
