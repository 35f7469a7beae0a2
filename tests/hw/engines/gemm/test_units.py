# amaranth: UnusedElaboratable=no

"""Units of the array: what two products in one multiplier may be, and how their sums part."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from gatewright_hw.engines.gemm.units import B_BITS, LANE_BITS, PACKED_DEPTH, LaneAccumulators
from gatewright_sim.components.simulation import simulate


@pytest.mark.parametrize(
    ("what", "a", "low", "high", "products"),
    [
        ("int8 and a narrow B", (-128, 127), (-127, 127), (-127, 127), PACKED_DEPTH),
        ("a softmax's weights and a narrow B", (0, 255), (-127, 127), (-127, 127), 2),
        ("int8, even columns alone", (-128, 127), (-128, 127), (0, 0), 2),
        ("int8, odd columns alone", (-128, 127), (0, 0), (-128, 127), 2),
    ],
)
def test_sums_fit_their_lanes(
    what: str, a: tuple[int, int], low: tuple[int, int], high: tuple[int, int], products: int
) -> None:
    """Each is linear in each operand, so that the largest are at the corners."""
    lane, packed = 1 << LANE_BITS - 1, 1 << LANE_BITS + B_BITS - 1
    for x, left, right in product(a, low, high):
        assert -packed <= (right << LANE_BITS) + left < packed, what
        for sums in (products * x * left, products * x * right):
            assert -lane <= sums < lane, what


def test_two_lowest_values_side_by_side_do_not_fit() -> None:
    """Why -128 has a multiplier for itself."""
    assert (-128 << LANE_BITS) - 128 < -(1 << LANE_BITS + B_BITS - 1)


def test_every_lower_sum_leaves_the_upper_one_what_it_was() -> None:
    """For all 2**17 lower sums; an upper sum is but an addend."""
    low = np.arange(-(1 << LANE_BITS - 1), 1 << LANE_BITS - 1)
    for high in (-65_024, -1, 0, 1, 65_024):
        total = (high << LANE_BITS) + low
        assert np.array_equal((total >> LANE_BITS) + (total >> LANE_BITS - 1 & 1), np.full(len(low), high))


def test_lanes_are_accumulated_each_by_itself(rng: np.random.Generator) -> None:
    """Sums of several lengths, of any values and of the ends of the range."""
    dut = LaneAccumulators(24)
    most = 65_280  # twice 128 times 255
    ends = rng.choice([-most, most, 0, -1], (80, 2))
    values = np.where(rng.random((80, 2)) < 0.5, ends, rng.integers(-most, most, (80, 2)))
    starts = np.append(True, rng.random(79) < 0.2)

    async def bench(ctx: Any) -> None:
        expected = np.zeros(2, np.int64)
        for step, start in enumerate(starts):
            low, high = values[step]
            ctx.set(dut.start, bool(start))
            ctx.set(dut.total, int(high << LANE_BITS) + int(low))
            await ctx.tick()
            expected = np.where(start, 0, expected) + values[step]
            assert [ctx.get(acc) for acc in dut.acc] == expected.tolist()

    simulate(dut, bench)
