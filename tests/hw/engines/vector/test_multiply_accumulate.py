"""MultiplyAccumulate against integers of Python: every place, either sign, and the accumulator's wrap."""

import numpy as np

from gatewright_hw.engines.vector.multiply_accumulate import X_BITS, Y_BITS, MultiplyAccumulate
from gatewright_sim.components.simulation import run_pipeline

BITS = 56
SHIFTS = (0, 17, 24)


def test_products_and_totals(rng: np.random.Generator) -> None:
    """The accumulator is that of the cycle in which the product comes out."""
    count = 500
    dut = MultiplyAccumulate(BITS, SHIFTS)
    ends = rng.integers(0, 2, count)
    x = np.where(ends, (1 << X_BITS) - 1, rng.integers(0, 1 << X_BITS, count)).tolist()
    y = np.where(rng.permutation(ends), (1 << Y_BITS) - 1, rng.integers(0, 1 << Y_BITS, count)).tolist()
    uses = [rng.integers(0, n, count).tolist() for n in (2, 2, len(SHIFTS))]
    accumulators = rng.integers(0, 1 << BITS, count + dut.delay).tolist()
    names = ("x", "y", "adds", "minus", "place", "accumulator")
    cycles = zip(x, y, *uses, accumulators[:count], strict=True)
    operands = [dict(zip(names, cycle, strict=True)) for cycle in cycles]
    operands += [dict.fromkeys(names, 0) | {"accumulator": value} for value in accumulators[count:]]
    results = run_pipeline(dut, operands, ["product", "total"])[:count]
    expected = []
    for index, (a, b, adds, minus, place) in enumerate(zip(x, y, *uses, strict=True)):
        term = adds * (-1) ** minus * (a * b << SHIFTS[place])
        expected.append((a * b, (accumulators[index + dut.delay] + term) % (1 << BITS)))
    assert results == expected
