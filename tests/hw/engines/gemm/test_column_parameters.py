"""ColumnParameters: records come back by slot and part, each at its lane."""

from typing import Any

import numpy as np

from gatewright.spec.config import get_config
from gatewright.spec.tiling import BLOCK_TILES
from gatewright_hw.engines.gemm.column_parameters import ColumnParameters
from gatewright_hw.engines.gemm.geometry import Geometry
from gatewright_sim.components.simulation import simulate

TINY = Geometry(get_config("tiny"))


def test_every_record_is_where_it_was_written(rng: np.random.Generator) -> None:
    g, dut = TINY, ColumnParameters(TINY)
    entries = 2 * BLOCK_TILES * g.parts
    bias = rng.integers(-(1 << 31), 1 << 31, (entries, g.lanes))
    multiplier = rng.integers(0, 1 << 16, (entries, g.lanes))
    shift = rng.integers(0, 1 << 6, (entries, g.lanes))
    got = np.zeros((3, entries, g.lanes), np.int64)

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.write, 1)
        for place in rng.permutation(entries * g.lanes).tolist():
            entry, lane = divmod(place, g.lanes)
            record = int(bias[entry, lane]) % (1 << 32) | int(multiplier[entry, lane]) << 32
            ctx.set(dut.entry, entry)
            ctx.set(dut.lane, lane)
            ctx.set(dut.record, record | int(shift[entry, lane]) << 48 | 0x3FF << 54)  # bits above are ignored
            await ctx.tick()
        ctx.set(dut.write, 0)
        ctx.set(dut.record, 0)
        await ctx.tick()
        for entry in range(entries):
            ctx.set(dut.slot, entry // g.parts)
            ctx.set(dut.part, entry % g.parts)
            for lane in range(g.lanes):
                column = ctx.get(dut.columns[lane])
                got[:, entry, lane] = (column.bias + (1 << 31)) % (1 << 32) - (1 << 31), column.multiplier, column.shift

    simulate(dut, testbench)
    np.testing.assert_array_equal(got, [bias, multiplier, shift])
