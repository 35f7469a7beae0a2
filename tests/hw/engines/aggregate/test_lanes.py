# amaranth: UnusedElaboratable=no

"""AccumulatorLanes against numpy: sums of rows of every width, by any number of lanes, an edge or two at a time, back
to back and held back."""

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
EDGES = pytest.mark.parametrize("edges", [1, 2])


def sums(
    dut: AccumulatorLanes, degrees: list[int], weights: Int64, features: Int64, rng: np.random.Generator
) -> list[list[int]]:
    """The groups that come out for rows of ``degrees`` edges; ``features`` is [edges, words, BUS_BYTES]. Each step
    takes as many of a row's edges as there are, or now and then fewer, at any of its places."""
    words, places = features.shape[1], len(dut.features)
    steps, beats, edge = [], [[] for _ in range(places)], 0
    for degree in degrees:
        left, first = degree, True
        while left or first:
            count = min(left, int(rng.integers(1, places + 1)))
            step = {"weight": [0] * places, "comes": 0, "first": first, "last": left == count}
            for place in rng.permutation(places)[:count]:
                step["weight"][place] = int(weights[edge])
                step["comes"] |= 1 << place
                beats[place] += [int.from_bytes(word.astype(np.int8).tobytes(), "little") for word in features[edge]]
                edge += 1
            steps.append(step)
            left, first = left - count, False
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
        *(
            put_all(port, words, random_pauses(rng, 0, 0, 0, 3))
            for port, words in zip(dut.features, beats, strict=True)
        ),
    )
    return got


def expected(degrees: list[int], weights: Int64, features: Int64, lanes: int) -> list[list[int]]:
    ends = np.cumsum(degrees)
    products = weights[:, None, None] * features
    rows = [products[end - degree : end].sum(0) for degree, end in zip(degrees, ends, strict=True)]
    sums: list[list[int]] = np.array(rows).reshape(-1, lanes).tolist()
    return sums


@LANES
@EDGES
@pytest.mark.parametrize("words", [1, 2, 3, 4, 5, WORDS])
def test_weighted_sums_of_rows(words: int, edges: int, lanes: int, rng: np.random.Generator) -> None:
    """Rows of few groups meet their own sums while these are still on their way."""
    degrees = [3, 1, 0, 7, 0, 0, 2, 1, 1, 5]
    weights = signed_values(rng, 16, sum(degrees))
    features = signed_values(rng, 8, (sum(degrees), words, BUS_BYTES))
    got = sums(AccumulatorLanes(WORDS, lanes, edges), degrees, weights, features, rng)
    assert got == expected(degrees, weights, features, lanes)


def test_the_extremes_of_both_signs_in_all_places() -> None:
    """Sums of two products need a bit more than either."""
    x = np.full((4, 1, BUS_BYTES), -128)
    for weight in (-(1 << 15), (1 << 15) - 1):
        weights = np.full(4, weight)
        got = sums(AccumulatorLanes(WORDS, 8, 2), [4], weights, x, np.random.default_rng(1))
        assert got == [[-128 * 4 * weight] * BUS_BYTES]


@pytest.mark.parametrize("words", [1, 2, 3, WORDS])
def test_kept_rows_come_from_the_store(words: int, rng: np.random.Generator) -> None:
    """Steps of two edges of which none, either or both are kept; the memory is here, a cycle behind each address."""
    slots, bits = 4, 5
    kept_x = signed_values(rng, 8, (slots, words, BUS_BYTES))
    dut = AccumulatorLanes(WORDS, 8, 2, bits)
    slot_words = WORDS if words == WORDS else 1 << (words - 1).bit_length()
    steps, beats, rows = [], [[], []], []
    for _ in range(12):
        total = np.zeros((words, BUS_BYTES), np.int64)
        for step in range(int(rng.integers(1, 4))):
            weights = signed_values(rng, 16, 2)
            kept, slot = rng.integers(0, 2, 2), rng.integers(0, slots, 2)
            one = {"weight": weights.tolist(), "comes": 0, "kept": 0, "first": step == 0, "last": 0, "addr": [0, 0]}
            for place in range(2):
                x = kept_x[slot[place]] if kept[place] else signed_values(rng, 8, (words, BUS_BYTES))
                total += weights[place] * x
                one["kept" if kept[place] else "comes"] |= 1 << place
                one["addr"][place] = int(slot[place]) * slot_words
                if not kept[place]:
                    beats[place] += [int.from_bytes(word.astype(np.int8).tobytes(), "little") for word in x]
            steps.append(one)
        steps[-1]["last"] = 1
        rows += total.tolist()
    got: list[list[int]] = []

    async def watch(ctx: Any) -> None:
        ctx.set(dut.last_word, words - 1)
        asked = [0, 0]
        while len(got) < len(rows):
            for place, addr in enumerate(asked):
                slot, word = divmod(addr, slot_words)
                held = kept_x[slot % slots, min(word, words - 1)].astype(np.int8).tobytes()
                ctx.set(dut.store_data[place], int.from_bytes(held, "little"))
            ctx.set(dut.room, rng.random() < 0.7)
            _, _, valid, acc, *asked = await ctx.tick().sample(dut.valid, dut.acc, *dut.store_addr)
            if valid:
                got.append(list(acc))

    ports = [
        put_all(port, words_, random_pauses(rng, 0, 0, 3)) for port, words_ in zip(dut.features, beats, strict=True)
    ]
    simulate(dut, watch, put_all(dut.step, steps, random_pauses(rng, 0, 0, 5)), *ports)
    assert got == rows


@pytest.mark.parametrize(("edges", "reuse"), [(1, 4), (2, 3)])
@pytest.mark.parametrize("per_row", [1, 20])
@pytest.mark.parametrize(
    ("words", "lanes"),
    [*((words, 8) for words in (1, 2, 3, 4, WORDS)), (1, 4), (2, 4), (3, 4), (WORDS, 4), (1, 2), (2, 2)],
)
def test_a_step_takes_a_cycle_a_group_but_waits_for_sums_of_its_row(
    words: int, lanes: int, per_row: int, edges: int, reuse: int
) -> None:
    """20 steps of all places, ``per_row`` to a row: a row's first step waits for nothing."""
    dut = AccumulatorLanes(WORDS, lanes, edges)
    groups = words * BUS_BYTES // lanes
    cycles = max(groups, reuse) if per_row > 1 else groups
    comes = (1 << edges) - 1
    steps = [{"comes": comes, "first": i % per_row == 0, "last": i % per_row == per_row - 1} for i in range(20)]
    ready = []

    async def watch(ctx: Any) -> None:
        ctx.set(dut.last_word, words - 1)
        ctx.set(dut.room, 1)
        async for _, _, taken in ctx.tick().sample(dut.step.valid & dut.step.ready):
            ready.append(taken)

    beats = [put_all(port, [0] * len(steps) * words) for port in dut.features]
    simulate(dut, *beats, put_all(dut.step, steps), background=[watch])
    assert set(np.diff(np.flatnonzero(ready))) == {cycles}


@pytest.mark.parametrize("words", [0, 1025])
def test_impossible_sizes_are_refused(words: int) -> None:
    with pytest.raises(ValueError, match=rf"AccumulatorLanes: words is {words}, allowed 1\.\.1024"):
        AccumulatorLanes(words, 8, 1)


@pytest.mark.parametrize("lanes", [1, 3, 16])
def test_impossible_lanes_are_refused(lanes: int) -> None:
    with pytest.raises(ValueError, match=f"AccumulatorLanes: lanes is {lanes}, allowed 2, 4, 8"):
        AccumulatorLanes(WORDS, lanes, 1)


@pytest.mark.parametrize("edges", [0, 3])
def test_impossible_edges_are_refused(edges: int) -> None:
    with pytest.raises(ValueError, match=rf"AccumulatorLanes: edges is {edges}, allowed 1\.\.2"):
        AccumulatorLanes(WORDS, 8, edges)


def test_impossible_stores_are_refused() -> None:
    with pytest.raises(ValueError, match=r"AccumulatorLanes: store_bits is 17, allowed 0\.\.16"):
        AccumulatorLanes(WORDS, 8, 2, 17)
