"""ProductTiles: every tile of C once, in the order of the loads, none before its operands have arrived."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import GEMM, GemmFlags, encode
from gatewright.spec.config import get_config
from gatewright.spec.tiling import BLOCK_TILES, tiles_per_half
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Kind, Width
from gatewright_hw.engines.gemm.product_tiles import ProductTiles
from gatewright_sim.components.gemm_control import begin_command
from gatewright_sim.components.simulation import simulate

TINY = Geometry(get_config("tiny"))
C_ADDR, C_STRIDE = 0x10000, 0x400


def expected(m: int, n: int, k: int, width: Width, a_resident: bool) -> Iterator[tuple[list[Event], dict[str, int]]]:
    """The operands that each tile is the first to use, and its fields."""
    g, pitch = TINY, -(-k // 8)
    halves = {"a": g.a_half, "b": g.b_half}
    per_half = {side: tiles_per_half(pitch, half) for side, half in halves.items()}
    tiles = {"a": -(-m // g.rows), "b": -(-n // g.cols)}
    resident, streamed = ("a", "b") if a_resident else ("b", "a")

    def place(side: str, visit: int) -> tuple[int, int]:
        half, index = divmod(visit % (2 * per_half[side]), per_half[side])
        return half * halves[side] + index * pitch, half * BLOCK_TILES + index

    block = per_half[resident]
    for begin in range(0, tiles[resident], block):
        rs = range(begin, min(begin + block, tiles[resident]))
        for s in range(tiles[streamed]):
            for r in rs:
                fresh = {resident: s == 0, streamed: r == rs[0]}
                done = {resident: s == tiles[streamed] - 1, streamed: r == rs[-1]}
                at = {resident: place(resident, r), streamed: place(streamed, begin // block * tiles[streamed] + s)}
                index = {resident: r, streamed: s}
                yield (
                    [event for side, event in (("a", Event.A), ("b", Event.B)) if fresh[side]],
                    {
                        "kind": Kind.GEMM,
                        "a_word": at["a"][0],
                        "b_word": at["b"][0],
                        "slot": at["b"][1],
                        "steps": k,
                        "release_a": done["a"],
                        "release_b": done["b"],
                        "rows": min(g.rows, m - index["a"] * g.rows),
                        "cols": min(g.cols, n - index["b"] * g.cols),
                        "addr": C_ADDR + index["a"] * g.rows * C_STRIDE + (index["b"] * g.cols << width),
                    },
                )


@pytest.mark.parametrize("a_resident", [False, True])
@pytest.mark.parametrize("width", Width)
@pytest.mark.parametrize("size", [(1, 1, 1), (13, 30, 20), (50, 17, 300), (9, 75, 512)], ids=str)
def test_tiles_of_a_product(
    size: tuple[int, int, int], width: Width, a_resident: bool, rng: np.random.Generator
) -> None:
    dut, (m, n, k) = ProductTiles(TINY), size
    flags = GemmFlags.PARAMS | (GemmFlags.A_RESIDENT if a_resident else GemmFlags(0))
    fields = {"a_addr": 0, "b_addr": 0, "c_addr": C_ADDR, "params_addr": 0}
    fields |= {"a_stride": 8, "b_stride": 8, "c_stride": C_STRIDE}
    command = encode(GEMM, flags, m=m, n=n, k=k, **fields)

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.width, width)
        await begin_command(ctx, dut, command)
        ctx.set(dut.tiles, 1)
        for events, fields in expected(m, n, k, width, a_resident):
            for event in events:
                await ctx.tick().repeat(int(rng.integers(1, 3)))
                assert ctx.get(dut.busy)
                assert not ctx.get(dut.tile.valid), "a tile before its operands"
                ctx.set(dut.event, event)
                await ctx.tick()
                ctx.set(dut.event, Event.NONE)
            assert ctx.get(dut.tile.valid)
            tile = ctx.get(dut.tile.payload)
            assert {name: getattr(tile, name) for name in fields} == fields
            await ctx.tick().repeat(int(rng.integers(1, 3)))  # it stays on offer
            ctx.set(dut.tile.ready, 1)
            await ctx.tick()
            ctx.set(dut.tile.ready, 0)
        assert not ctx.get(dut.busy)
        assert not ctx.get(dut.tile.valid)

    simulate(dut, testbench)


def test_tiles_of_several_loads_at_once() -> None:
    """An event for four tiles of B lets four tiles of C go, one a cycle."""
    dut = ProductTiles(TINY)
    fields = {field.name: 8 for field in GEMM.fields if not field.with_flag} | {"m": 4, "n": 32}
    command = encode(GEMM, GemmFlags.PARAMS | GemmFlags.B_KN, **fields)
    offered = []

    async def testbench(ctx: Any) -> None:
        await begin_command(ctx, dut, command)
        ctx.set(dut.tile.ready, 1)
        for event, tiles in ((Event.B, 4), (Event.A, 1), *[(Event.NONE, 1)] * 6):
            ctx.set(dut.event, event)
            ctx.set(dut.tiles, tiles)
            offered.append(ctx.get(dut.tile.valid))
            await ctx.tick()

    simulate(dut, testbench)
    assert offered == [0, 0, 1, 1, 1, 1, 0, 0]
