# amaranth: UnusedElaboratable=no

import random

import numpy as np
import pytest

from gatewright.spec.fixed import requantise
from gatewright_hw.engines.parts.requantiser import Requantiser
from gatewright_sim.components.simulation import run_pipeline


def _operands(acc_bits: int, count: int, seed: int) -> list[tuple[int, int, int]]:
    """Corners, exact ties and random values of every magnitude."""
    rng = random.Random(seed)
    low, high = -(1 << (acc_bits - 1)), (1 << (acc_bits - 1)) - 1
    corners = [low, low + 1, -129, -128, -3, -1, 0, 1, 3, 127, 128, high - 1, high]
    cases = [(acc, mul, shift) for acc in corners for mul in (0, 1, 65535) for shift in (0, 1, 2, 7, 16, 47, 48, 63)]
    for _ in range(count):
        bits = rng.randrange(1, acc_bits)
        acc = rng.randrange(-(1 << bits), 1 << bits)
        mul = rng.choice((rng.randrange(1 << 16), 1 << rng.randrange(16)))
        # Around the shift that brings the product into the result's range, where rounding shows.
        near = max(bits + mul.bit_length() - rng.randrange(0, 12), 0)
        cases.append((acc, mul, min(rng.choice((near, rng.randrange(64))), 63)))
    return cases


@pytest.mark.parametrize(("acc_bits", "out_bits"), [(32, 8), (32, 16), (40, 8)])
def test_equals_the_rule(acc_bits: int, out_bits: int) -> None:
    dut = Requantiser(acc_bits, out_bits)
    cases = _operands(acc_bits, 1500, seed=acc_bits + out_bits)
    operands = [dict(zip(("acc", "multiplier", "shift"), case, strict=True)) for case in cases]
    results = [result for (result,) in run_pipeline(dut, operands, ["result"])]
    acc, multiplier, shift = (np.array(column) for column in zip(*cases, strict=True))
    np.testing.assert_array_equal(results, requantise(acc, multiplier, shift, out_bits))


@pytest.mark.parametrize(
    ("acc_bits", "out_bits", "field"), [(17, 8, "acc_bits"), (43, 8, "acc_bits"), (32, 1, "out_bits")]
)
def test_refuses_a_width_it_cannot_build(acc_bits: int, out_bits: int, field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} is .*allowed"):
        Requantiser(acc_bits, out_bits)
