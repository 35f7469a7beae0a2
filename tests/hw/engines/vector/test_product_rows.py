"""ProductRows: no beat overtakes the place of its row, and every place is told to all who need it."""

from typing import Any

import numpy as np
import pytest

from gatewright_hw.engines.vector.product_rows import ProductRows
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses, stream_get

MAX_COLUMNS, COLUMNS = 64, 16
BEATS = 4
TOP = 1 << 32


@pytest.mark.parametrize("with_d", [False, True])
@pytest.mark.parametrize("late", ["place", "beat", "d_place", "c_place", "first_group", "a"])
def test_places_and_beats_go_their_ways(lanes: int, with_d: bool, late: str, rng: np.random.Generator) -> None:
    dut = ProductRows(MAX_COLUMNS, lanes, COLUMNS)
    rows = 90
    places = [
        (int(rng.integers(TOP // 8)) * 8, int(rng.integers(MAX_COLUMNS // COLUMNS)) * COLUMNS) for _ in range(rows)
    ]
    beats = rng.integers(1 << 63, size=BEATS * rows).tolist()
    offset = TOP - 24
    told: list[int] = []
    got: dict[str, list[Any]] = {"d_place": [], "c_place": [], "first_group": [], "a": []}
    counted, seen_before_place = 0, []

    async def watch(ctx: Any) -> None:
        nonlocal counted
        ticks = ctx.tick().sample(dut.more, dut.a.valid & dut.a.ready)
        async for _, _, more, goes in ticks:
            counted += more
            told.append(counted)
            if goes:
                seen_before_place.append(counted)

    async def constants(ctx: Any) -> None:
        ctx.set(dut.d_offset, offset)
        ctx.set(dut.with_d, with_d)
        await ctx.tick().repeat(30)
        assert not got["a"], "a beat before the records were there"
        ctx.set(dut.loaded, 1)

    async def take_first_groups(ctx: Any) -> None:
        """As the datapath does: at the end of a row's way."""
        for row, cycles in zip(range(rows), pauses("first_group"), strict=False):
            while len(got["a"]) < BEATS * (row + 1):
                await ctx.tick()
            await ctx.tick().repeat(cycles + 1)
            got["first_group"].append(await stream_get(ctx, dut.first_group))

    def pauses(name: str) -> Any:
        return random_pauses(rng, 0, 0, 9 if name == late else 1)

    streams = [
        put_all(dut.place, [{"addr": addr, "column": column} for addr, column in places], pauses("place")),
        put_all(dut.beat, beats, pauses("beat")),
        get_all(dut.c_place, rows, got["c_place"], pauses("c_place")),
        take_first_groups,
        get_all(dut.a, BEATS * rows, got["a"], pauses("a")),
    ]
    if with_d:
        streams.append(get_all(dut.d_place, rows, got["d_place"], pauses("d_place")))
    simulate(dut, constants, *streams, background=[watch])
    assert got["a"] == beats
    assert got["c_place"] == [addr for addr, _ in places]
    assert got["first_group"] == [column // lanes for _, column in places]
    assert got["d_place"] == ([(addr + offset) % TOP for addr, _ in places] if with_d else [])
    assert counted == rows
    assert all(count > index // BEATS for index, count in enumerate(seen_before_place)), "a beat before its place"
