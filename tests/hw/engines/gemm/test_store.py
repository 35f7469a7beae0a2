"""TileStore: results of tiles to rows in memory."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm.geometry import Geometry, Width
from gatewright_hw.engines.gemm.store import TileStore
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import stream_put


@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("width", Width)
def test_store_writes_only_what_exists(width: Width, lanes: int, rng: np.random.Generator) -> None:
    """Tiles of every size under backpressure, as many at a time as the store lets in."""
    g = Geometry(replace(get_config("tiny"), lanes=lanes, array_rows=8))
    dut = TileStore(g)
    size = 1 << width.value
    tiles = [(int(rng.integers(1, g.rows + 1)), int(rng.integers(1, g.cols + 1)), 512 * i) for i in range(12)]
    results = rng.integers(-(128**size), 128**size, (len(tiles), g.rows, g.cols))
    descriptors, beats = [], []

    async def feed(ctx: Any) -> None:
        ctx.set(dut.width, width)
        ctx.set(dut.stride, 64)
        for (rows, cols, addr), values in zip(tiles, results, strict=True):
            await stream_put(ctx, dut.tile, {"rows": rows, "cols": cols, "addr": addr})
            for row in range(g.rows):
                for part in range(g.parts):
                    lanes = [int(x) for x in values[row, part * g.lanes : (part + 1) * g.lanes]]
                    assert not ctx.get(dut.idle)  # also while results that do not exist are still to come
                    ctx.set(dut.results.valid, 1)
                    ctx.set(dut.results.tag.row_exists, row < rows)
                    ctx.set(dut.results.tag.part, part)
                    ctx.set(dut.results.tag.cols, cols)
                    for lane, value in enumerate(lanes):
                        ctx.set(dut.results.wide[lane], value)
                        ctx.set(dut.results.narrow[lane], (value + (1 << 15)) % (1 << 16) - (1 << 15))
                    await ctx.tick()
            ctx.set(dut.results.valid, 0)
        await ctx.tick().repeat(400)
        assert ctx.get(dut.idle)

    async def drain(ctx: Any) -> None:
        while True:
            ctx.set(dut.descriptor.ready, bool(rng.random() < 0.3))
            ctx.set(dut.beat.ready, bool(rng.random() < 0.5))
            await ctx.delay(1e-10)
            if ctx.get(dut.descriptor.ready & dut.descriptor.valid):
                payload = ctx.get(dut.descriptor.payload)
                descriptors.append((payload.addr, payload.beats))
            if ctx.get(dut.beat.ready & dut.beat.valid):
                payload = ctx.get(dut.beat.payload)
                beats.append((payload.data, payload.strb))
            await ctx.tick()

    simulate(dut, feed, background=[drain])
    stream = iter(beats)
    expected = [(addr + 64 * row, -(-cols * size // 8)) for rows, cols, addr in tiles for row in range(rows)]
    assert descriptors == expected
    for (rows, cols, _), values in zip(tiles, results, strict=True):
        for row in range(rows):
            raw = values[row, :cols].astype(f"<i{size}").tobytes()
            for start in range(0, len(raw), 8):
                data, strb = next(stream)
                piece = raw[start : start + 8]
                assert strb == (1 << len(piece)) - 1
                assert data.to_bytes(8, "little")[: len(piece)] == piece
    assert next(stream, None) is None
