"""TileWalk: every row in the order of the ring."""

from typing import Any

import pytest

from gatewright_hw.engines.gemm.tile_walk import TileWalk
from gatewright_sim.components.simulation import simulate


@pytest.mark.parametrize(("total", "per_half", "pitch"), [(1, 1, 5), (8, 2, 3), (37, 4, 2), (200, 8, 1)])
def test_walk_visits_every_row_in_ring_order(total: int, per_half: int, pitch: int) -> None:
    dut = TileWalk(size=8, half=16)
    visits = []

    async def bench(ctx: Any) -> None:
        ctx.set(dut.total, total)
        ctx.set(dut.per_half, per_half)
        ctx.set(dut.pitch, pitch)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for sweep in range(3):
            while True:
                last = ctx.get(dut.last)
                visits.append((sweep, ctx.get(dut.count), ctx.get(dut.word), ctx.get(dut.fresh), last))
                ctx.set(dut.advance, 1)
                ctx.set(dut.rewind, last)
                await ctx.tick()
                ctx.set(dut.advance, 0)
                ctx.set(dut.rewind, 0)
                if last:
                    break

    simulate(dut, bench)
    tiles = -(-total // 8)
    expected = []
    for place in range(3 * tiles):
        sweep, tile = divmod(place, tiles)
        half, index = divmod(place % (2 * per_half), per_half)
        count = min(8, total - 8 * tile)
        expected.append((sweep, count, 16 * half + pitch * index, tile == 0, tile == tiles - 1))
    assert visits == expected
