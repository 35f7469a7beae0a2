# amaranth: UnusedElaboratable=no

"""AccumulatorLanes against numpy: sums of rows of every width, by any number of lanes, back to back and held back."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.engines.aggregate.lanes import AccumulatorLanes
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import put_all, random_pauses
from gatewright_sim.components.values import Int64, signed_values

WORDS = 8
LANES = pytest.mark.parametrize("lanes", [2, 4, 8])


def sums(
    dut: AccumulatorLanes, degrees: list[int], weights: Int64, features: Int64, rng: np.random.Generator
) -> list[list[int]]:
    """The groups that come out for rows of ``degrees`` edges; ``features`` is [edges, words, BUS_BYTES]."""
    words = features.shape[1]
    steps, beats, edge = [], [], 0
    for degree in degrees:
        for index in range(degree):
            weight = int(weights[edge]) % (1 << 16)
            steps.append({"weight": weight, "first": index == 0, "last": index == degree - 1, "empty": 0})
            beats += [int.from_bytes(word.astype(np.int8).tobytes(), "little") for word in features[edge]]
            edge += 1
        if not degree:
            steps.append({"weight": 0, "first": 1, "last": 1, "empty": 1})
    got: list[list[int]] = []
    groups = words * len(degrees) * BUS_BYTES // dut.acc.shape().length
    launches: list[int] = []

    async def watch(ctx: Any) -> None:
        ctx.set(dut.last_word, words - 1)
        while len(got) < groups:
            ctx.set(dut.room, rng.random() < 0.7)
            _, _, launch, valid, acc = await ctx.tick().sample(dut.launch, dut.valid, dut.acc)
            launches.append(launch)
            assert valid == (len(launches) > dut.delay and launches[-1 - dut.delay])
            if valid:
                got.append(list(acc))

    simulate(
        dut,
        watch,
        put_all(dut.step, steps, random_pauses(rng, 0, 0, 5)),
        put_all(dut.features, beats, random_pauses(rng, 0, 0, 0, 3)),
    )
    return got


def expected(degrees: list[int], weights: Int64, features: Int64, lanes: int) -> list[list[int]]:
    ends = np.cumsum(degrees)
    products = weights[:, None, None] * features
    rows = [products[end - degree : end].sum(0) for degree, end in zip(degrees, ends, strict=True)]
    sums: list[list[int]] = np.array(rows).reshape(-1, lanes).tolist()
    return sums


@LANES
@pytest.mark.parametrize("words", [1, 2, 3, 4, 5, WORDS])
def test_weighted_sums_of_rows(words: int, lanes: int, rng: np.random.Generator) -> None:
    """Rows of up to four groups meet their own sums while these are still on their way."""
    degrees = [3, 1, 0, 7, 0, 0, 2, 1, 1, 5]
    weights = signed_values(rng, 16, sum(degrees))
    features = signed_values(rng, 8, (sum(degrees), words, BUS_BYTES))
    got = sums(AccumulatorLanes(WORDS, lanes), degrees, weights, features, rng)
    assert got == expected(degrees, weights, features, lanes)


@pytest.mark.parametrize(
    ("words", "lanes", "per_row", "cycles"),
    [
        *((1, 8, 20, 4), (3, 8, 20, 4), (4, 8, 20, 4), (WORDS, 8, 20, WORDS)),
        *((1, 8, 1, 1), (2, 8, 1, 2), (WORDS, 8, 1, WORDS)),
        *((1, 4, 20, 4), (2, 4, 20, 4), (3, 4, 20, 6), (1, 4, 1, 2), (WORDS, 4, 1, 2 * WORDS)),
        *((1, 2, 20, 4), (2, 2, 20, 8), (1, 2, 1, 4)),
    ],
)
def test_an_edge_takes_a_cycle_a_group_but_at_least_four_behind_another_of_its_row(
    words: int, lanes: int, per_row: int, cycles: int
) -> None:
    """20 edges, ``per_row`` to a row: a row's first edge waits for nothing."""
    dut = AccumulatorLanes(WORDS, lanes)
    edges = range(20)
    steps = [{"first": edge % per_row == 0, "last": edge % per_row == per_row - 1} for edge in edges]
    ready = []

    async def watch(ctx: Any) -> None:
        ctx.set(dut.last_word, words - 1)
        ctx.set(dut.room, 1)
        async for _, _, taken in ctx.tick().sample(dut.step.valid & dut.step.ready):
            ready.append(taken)

    simulate(dut, put_all(dut.features, [0] * len(edges) * words), put_all(dut.step, steps), background=[watch])
    assert set(np.diff(np.flatnonzero(ready))) == {cycles}


@pytest.mark.parametrize("words", [0, 1025])
def test_impossible_sizes_are_refused(words: int) -> None:
    with pytest.raises(ValueError, match=rf"AccumulatorLanes: words is {words}, allowed 1\.\.1024"):
        AccumulatorLanes(words, 8)


@pytest.mark.parametrize("lanes", [1, 3, 16])
def test_impossible_lanes_are_refused(lanes: int) -> None:
    with pytest.raises(ValueError, match=f"AccumulatorLanes: lanes is {lanes}, allowed 2, 4, 8"):
        AccumulatorLanes(WORDS, lanes)
