# amaranth: UnusedElaboratable=no

"""RowTransfers: one transfer a row, or one for sixteen rows that follow each other without a gap."""

import numpy as np
import pytest

from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import MAX_COLUMNS
from gatewright_hw.engines.vector.row_transfers import RowTransfers
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses

BASE = (1 << 32) - 64
"""Addresses wrap."""


@pytest.mark.parametrize(
    ("rows", "beats", "stride", "transfers"),
    [
        (1, 5, 40, [(0, 5)]),
        (3, 5, 48, [(0, 5), (48, 5), (96, 5)]),
        (3, 5, 0, [(0, 5)] * 3),
        (34, 2, 16, [(0, 32), (256, 32), (512, 2), (528, 2)]),
        (15, 1, BUS_BYTES, [(BUS_BYTES * row, 1) for row in range(15)]),
        (16, 2048, 2048 * BUS_BYTES, [(0, 16 * 2048)]),
        (17, 1, BUS_BYTES, [(0, 16), (128, 1)]),
    ],
)
def test_rows_side_by_side_are_read_together(
    rows: int, beats: int, stride: int, transfers: list[tuple[int, int]], rng: np.random.Generator
) -> None:
    dut = RowTransfers(MAX_COLUMNS)
    got = []

    async def testbench(ctx) -> None:
        ctx.set(dut.matrix, {"addr": BASE, "stride": stride, "rows": rows, "beats": beats})
        await ctx.tick().repeat(2)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await get_all(dut.descriptor, len(transfers), got, random_pauses(rng, 0, 0, 3))(ctx)
        ctx.set(dut.descriptor.ready, 1)
        await ctx.tick().repeat(3)
        assert not ctx.get(dut.descriptor.valid)

    simulate(dut, testbench)
    assert [(one.addr, one.beats) for one in got] == [((BASE + start) % (1 << 32), count) for start, count in transfers]


def test_further_rows_lie_where_they_are_told_to(rng: np.random.Generator) -> None:
    """After those of the matrix, of which there may be none; each is as long as they are."""
    for rows in (0, 3):
        dut = RowTransfers(MAX_COLUMNS)
        places = (8 * rng.integers(1 << 29, size=5)).tolist()
        got = []

        async def matrix(ctx, dut=dut, rows=rows) -> None:
            ctx.set(dut.matrix, {"addr": BASE, "stride": 48, "rows": rows, "beats": 5})
            await ctx.tick().repeat(2)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)

        async def told(ctx, dut=dut, places=places) -> None:
            await ctx.tick().repeat(3)
            await put_all(dut.place, places, random_pauses(rng, 0, 0, 3))(ctx)

        async def taken(ctx, dut=dut, got=got, rows=rows) -> None:
            await ctx.tick().repeat(3)
            await get_all(dut.descriptor, rows + 5, got, random_pauses(rng, 0, 0, 3))(ctx)

        simulate(dut, matrix, told, taken)
        expected = [(BASE + 48 * row) % (1 << 32) for row in range(rows)] + places
        assert [(one.addr, one.beats) for one in got] == [(addr, 5) for addr in expected]


@pytest.mark.parametrize("max_columns", [1, 4097])
def test_impossible_rows_are_refused(max_columns: int) -> None:
    with pytest.raises(ValueError, match=rf"RowTransfers: max_columns is {max_columns}, allowed 2\.\.4096"):
        RowTransfers(max_columns)
