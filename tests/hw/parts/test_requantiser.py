# amaranth: UnusedElaboratable=no

"""Requantiser against the rule of ``spec.fixed``."""

import numpy as np
import pytest

from gatewright.spec.fixed import MULTIPLIER_BITS, SHIFT_MAX, requantise
from gatewright_hw.parts.requantiser import Requantiser
from gatewright_sim.components.simulation import run_pipeline
from gatewright_sim.components.values import signed_values

COUNT = 1500


@pytest.mark.parametrize(("acc_bits", "out_bits"), [(18, 8), (32, 8), (32, 16), (40, 8), (42, 24)])
def test_equals_the_rule(acc_bits: int, out_bits: int, rng: np.random.Generator) -> None:
    """Ends of the ranges, exact ties (multipliers that are powers of two), and products about as wide as the shift."""
    acc = signed_values(rng, acc_bits, COUNT)
    power = 1 << rng.integers(0, MULTIPLIER_BITS, COUNT)
    anywhere = rng.integers(0, 1 << MULTIPLIER_BITS, COUNT)
    multiplier = np.choose(rng.integers(0, 3, COUNT), [power, anywhere, rng.choice([0, 1, 65535], COUNT)])
    product_bits = np.log2(np.abs(acc * multiplier) + 1).astype(int)
    near = np.clip(product_bits - rng.integers(0, 12, COUNT), 0, SHIFT_MAX)
    shift = np.where(rng.integers(0, 2, COUNT), near, rng.integers(0, SHIFT_MAX, COUNT, endpoint=True))
    names = ("acc", "multiplier", "shift")
    columns = zip(acc.tolist(), multiplier.tolist(), shift.tolist(), strict=True)
    operands = [dict(zip(names, column, strict=True)) for column in columns]
    results = run_pipeline(Requantiser(acc_bits, out_bits), operands, ["result"])
    np.testing.assert_array_equal([result for (result,) in results], requantise(acc, multiplier, shift, out_bits))


@pytest.mark.parametrize(
    ("acc_bits", "out_bits", "sentence"),
    [
        (17, 8, r"acc_bits is 17, allowed 18\.\.42"),
        (43, 8, r"acc_bits is 43, allowed 18\.\.42"),
        (32, 1, r"out_bits is 1, allowed 2\.\.24"),
        (32, 25, r"out_bits is 25, allowed 2\.\.24"),
    ],
)
def test_impossible_sizes_are_refused(acc_bits: int, out_bits: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Requantiser(acc_bits, out_bits)
