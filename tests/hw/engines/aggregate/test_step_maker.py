# amaranth: UnusedElaboratable=no

"""StepMaker: steps of a row's edges, an index for each edge through the readers in turns, and none left at the end."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal

from gatewright_hw.engines.aggregate.step_maker import StepMaker
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses

EDGES = pytest.mark.parametrize("edges", [1, 2])
Row = list[int]
"""Weights of a row's edges; the column of an edge is its number among all."""


def clocked(dut: StepMaker) -> Module:
    """``dut`` beside a register: for one edge it has none, and without any there is no clock."""
    m = Module()
    m.submodules.dut = dut
    m.d.sync += Signal().eq(dut.idle)
    return m


def stream_of(rows: list[Row]) -> list[dict[str, int]]:
    """The walker's edges."""
    edges: list[dict[str, int]] = []
    column = 0
    for row in rows:
        for index, weight in enumerate(row):
            edges.append({"col": column, "weight": weight, "first": index == 0, "last": index == len(row) - 1})
            column += 1
        if not row:
            edges.append({"first": 1, "last": 1, "empty": 1})
    return edges


def made(
    edges: int, stream: list[dict[str, int]], pauses: dict[str, tuple[int, ...]], rng: np.random.Generator
) -> tuple[list[Any], list[int]]:
    """Steps and indices until the maker is idle; the walk ends with the stream."""
    dut = StepMaker(edges)
    steps: list[Any] = []
    indices: list[int] = []

    async def testbench(ctx: Any) -> None:
        await put_all(dut.edge, stream, random_pauses(rng, *pauses["edge"]))(ctx)
        ctx.set(dut.ended, 1)
        await ctx.tick().until(dut.idle)
        left = len(steps)
        await ctx.tick().repeat(9)
        assert len(steps) == left

    count = len(stream)  # more than there are
    simulate(
        clocked(dut),
        testbench,
        background=[
            get_all(dut.step, count, steps, random_pauses(rng, *pauses["step"])),
            get_all(dut.index, count, indices, random_pauses(rng, *pauses["index"])),
        ],
    )
    return steps, indices


@EDGES
@pytest.mark.parametrize("slow", [None, "edge", "step", "index"])
@pytest.mark.parametrize("degrees", [[1], [0], [2], [1, 1, 1], [5, 0, 3, 4, 1, 0, 0, 2, 7]], ids=str)
def test_each_row_in_as_few_steps_as_can_be(
    edges: int, slow: str | None, degrees: list[int], rng: np.random.Generator
) -> None:
    rows = [rng.integers(-(1 << 15), 1 << 15, degree).tolist() for degree in degrees]
    pauses = {name: (0, 1, 4) if name == slow else (0,) for name in ("edge", "step", "index")}
    steps, indices = made(edges, stream_of(rows), pauses, rng)
    assert indices == list(range(sum(degrees)))
    turn, got = 0, iter(steps)
    for row in rows:
        starts = range(0, max(len(row), 1), edges)
        for start in starts:
            step = next(got)
            weights, used = [0] * edges, 0
            for weight in row[start : start + edges]:
                weights[turn] = weight
                used |= 1 << turn
                turn = (turn + 1) % edges
            assert ([step.weight[i] for i in range(edges)], step.comes) == (weights, used)
            assert (step.first, step.last) == (start == 0, start == starts[-1])
    assert next(got, None) is None


@EDGES
@pytest.mark.parametrize("kept", [1, 2, 3, 4])
def test_a_walk_that_ends_in_mid_row_leaves_no_edge(edges: int, kept: int, rng: np.random.Generator) -> None:
    """The rows that were asked for are consumed by some step."""
    whole = {name: (0,) for name in ("edge", "step", "index")}
    steps, indices = made(edges, stream_of([[1, 2, 3, 4, 5]])[:kept], whole, rng)
    assert indices == list(range(kept))
    assert sum(int(step.comes).bit_count() for step in steps) == kept
    assert not any(step.last for step in steps)


@pytest.mark.parametrize("slot_bits", [0, 2])
def test_of_kept_rows_the_step_has_the_address(slot_bits: int, rng: np.random.Generator) -> None:
    """And no index goes out; the places are taken in turns all the same."""
    dut = StepMaker(2, 6)
    edges = stream_of([[1, 2, 3], [4], [], [5, 6, 7, 8, 9], [10]])
    for edge in edges:
        edge["kept"] = int("col" in edge and bool(rng.integers(2)))
    steps: list[Any] = []
    places: list[tuple[int, int]] = []

    async def readers(ctx: Any) -> None:
        ctx.set(dut.slot_bits, slot_bits)
        ctx.set(dut.index.ready, 1)
        async for _, _, valid, index, place in ctx.tick().sample(dut.index.valid, dut.index.payload, dut.place):
            if valid:
                places.append((index, place))

    async def testbench(ctx: Any) -> None:
        await put_all(dut.edge, edges, random_pauses(rng, 0, 2))(ctx)
        ctx.set(dut.ended, 1)
        await ctx.tick().until(dut.idle)

    simulate(dut, testbench, background=[readers, get_all(dut.step, len(edges), steps, random_pauses(rng, 0, 1, 4))])
    named = [edge for edge in edges if "col" in edge]
    assert places == [(edge["col"], turn % 2) for turn, edge in enumerate(named) if not edge["kept"]]
    got = {}
    for step in steps:
        for place in range(2):
            comes, kept = step.comes >> place & 1, step.kept >> place & 1
            assert not (comes and kept)
            if comes or kept:
                got[step.weight[place]] = (place, kept, step.addr[place] if kept else None)
            else:
                assert step.weight[place] == 0
    assert got == {
        edge["weight"]: (turn % 2, edge["kept"], edge["col"] << slot_bits if edge["kept"] else None)
        for turn, edge in enumerate(named)
    }


@EDGES
def test_an_edge_a_cycle(edges: int) -> None:
    dut, taken = StepMaker(edges), []

    async def watch(ctx: Any) -> None:
        ctx.set(dut.step.ready, 1)
        ctx.set(dut.index.ready, 1)
        async for _, _, edge in ctx.tick().sample(dut.edge.valid & dut.edge.ready):
            taken.append(edge)

    simulate(clocked(dut), put_all(dut.edge, stream_of([[1] * 5, [], [1], [1] * 4])), background=[watch])
    assert sum(taken) == 11
    assert all(taken[taken.index(1) :][:11])


@pytest.mark.parametrize("edges", [0, 3])
def test_impossible_edges_are_refused(edges: int) -> None:
    with pytest.raises(ValueError, match=rf"StepMaker: edges is {edges}, allowed 1\.\.2"):
        StepMaker(edges)


@pytest.mark.parametrize(("edges", "store_bits", "most"), [(1, 1, 0), (2, 17, 16)])
def test_impossible_stores_are_refused(edges: int, store_bits: int, most: int) -> None:
    with pytest.raises(ValueError, match=rf"StepMaker: store_bits is {store_bits}, allowed 0\.\.{most}"):
        StepMaker(edges, store_bits)
