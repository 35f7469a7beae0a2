"""SoftmaxWeights against ``spec.vector``: weights of each group, the sum of each row, under backpressure."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.vector import EXP2_FRACTION_BITS, VALUE_BITS, softmax_weight
from gatewright_hw.engines.vector.softmax_weights import SoftmaxWeights
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses
from gatewright_sim.components.values import Int64, signed_values
from gatewright_sim.components.vector_rows import groups_of, row_shape

MAX_COLUMNS = 64


def rows_of(columns: int, rng: np.random.Generator) -> Int64:
    """Scores that are close, far apart, equal or at the ends of the range."""
    one = 1 << EXP2_FRACTION_BITS
    equal = [np.full(columns, value) for value in (0, -(1 << VALUE_BITS - 1), (1 << VALUE_BITS - 1) - 1)]
    return np.concatenate(
        [equal, rng.integers(-9 * one, 9 * one, (8, columns)), signed_values(rng, VALUE_BITS, (8, columns))]
    )


@pytest.mark.parametrize("columns", [1, 3, 4, 6, 29, 64])
def test_weights_and_sums_equal_the_rule(lanes: int, columns: int, rng: np.random.Generator) -> None:
    rows = rows_of(columns, rng)
    weights = softmax_weight(rows.max(1, keepdims=True) - rows)
    dut = SoftmaxWeights(MAX_COLUMNS, lanes)
    groups = groups_of(rows, signed_values(rng, VALUE_BITS, lanes))
    sums: list[int] = []
    claims, taken = [], []

    async def setup(ctx: Any) -> None:
        ctx.set(dut.row, row_shape(columns, lanes))

    async def watch(ctx: Any) -> None:
        """Holds back groups now and then; weights come out after their claims, whatever happens then."""
        while True:
            ctx.set(dut.room, rng.random() < 0.7)
            _, _, claim, valid, group = await ctx.tick().sample(dut.claim, dut.weights_valid, dut.weights)
            claims.append(claim)
            assert valid == (len(claims) > dut.weights_delay and claims[-1 - dut.weights_delay])
            if valid:
                taken.append(list(group))

    simulate(
        dut,
        setup,
        put_all(dut.statistics, [{"peak": int(peak)} for peak in rows.max(1)], random_pauses(rng, 0, 30)),
        put_all(dut.values, [group for group, _ in groups], random_pauses(rng, 0, 0, 0, 4)),
        get_all(dut.sum, len(rows), sums, random_pauses(rng, 0, 0, 60)),
        background=[watch],
    )
    assert taken == [group for group, _ in groups_of(weights, np.zeros(lanes, np.int64))]
    assert sums == weights.sum(1).tolist()


def test_delays(lanes: int) -> None:
    dut = SoftmaxWeights(MAX_COLUMNS, lanes)

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.row, row_shape(lanes, lanes))
        for signal in (dut.statistics.valid, dut.values.valid, dut.room):
            ctx.set(signal, 1)
        assert ctx.get(dut.claim)
        await ctx.tick()
        ctx.set(dut.room, 0)
        for cycle in range(1, dut.sum_delay + 1):
            assert ctx.get(dut.weights_valid) == (cycle == dut.weights_delay)
            assert ctx.get(dut.sum.valid) == (cycle == dut.sum_delay)
            await ctx.tick()

    simulate(dut, testbench)
