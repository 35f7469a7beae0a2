"""ValueItems: the tiles of e V of each head and tile of queries, and where their results go."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import ATTENTION, encode
from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm.attention.values import ValueItems
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Kind, Width
from gatewright_sim.components.gemm_control import begin_command
from gatewright_sim.components.simulation import simulate

TINY = Geometry(get_config("tiny"))
O_ADDR, O_STRIDE, SEQ_KV = 0x10000, 0x208, 33


def expected(seq_q: int, heads: int, head_dim: int, width: Width) -> Iterator[tuple[int, int, bool, dict[str, int]]]:
    """Head and item of each tile, whether it is the last of its item, and its fields but the steps."""
    g, tiles = TINY, -(-seq_q // TINY.rows)
    for item in range(heads * tiles):
        head, tile = divmod(item, tiles)
        for begin in range(0, head_dim, g.cols):
            last = begin + g.cols >= head_dim
            yield (
                head,
                item,
                last,
                {
                    "kind": Kind.VALUE,
                    "a_word": item % 2 * g.a_half + g.p_offset,
                    "b_word": head % 2 * g.b_half + g.v_offset + begin // g.cols * -(-SEQ_KV // 8),
                    "release_a": 0,
                    "release_b": last and tile == tiles - 1,
                    "rows": min(g.rows, seq_q - tile * g.rows),
                    "cols": min(g.cols, head_dim - begin),
                    "buffer": item % 2,
                    "addr": O_ADDR + tile * g.rows * O_STRIDE + (head * head_dim + begin << width),
                },
            )


@pytest.mark.parametrize("width", [Width.INT8, Width.INT16])
@pytest.mark.parametrize("size", [(1, 1, 8), (5, 3, 32), (30, 2, 24)], ids=str)
def test_tiles_of_values(size: tuple[int, int, int], width: Width, rng: np.random.Generator) -> None:
    dut = ValueItems(TINY)
    fields = {field.name: 0 for field in ATTENTION.fields}
    fields |= dict(zip(("seq_q", "heads", "head_dim"), size, strict=True))
    fields |= {"seq_kv": SEQ_KV, "o_addr": O_ADDR, "o_stride": O_STRIDE}
    command = encode(ATTENTION, 0, **fields)

    async def pulse(ctx: Any, signal: Any, value: int) -> None:
        await ctx.tick().repeat(int(rng.integers(1, 4)))
        assert not ctx.get(dut.tile.valid), "a tile before its operands"
        ctx.set(signal, value)
        await ctx.tick()
        ctx.set(signal, 0)

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.width, width)
        await begin_command(ctx, dut, command)
        seen_head = seen_item = -1
        for head, item, last, fields in expected(*size, width):
            if item != seen_item:
                keys = int(rng.integers(1, SEQ_KV + 1))
                ctx.set(dut.keys, keys)
                assert ctx.get(dut.buffer) == item % 2
                await pulse(ctx, dut.softmax_done, 1)
            if head != seen_head:
                await pulse(ctx, dut.event, Event.V)
            seen_head, seen_item = head, item
            ctx.set(dut.tile.ready, 1)
            assert ctx.get(dut.tile.valid)
            tile = ctx.get(dut.tile.payload)
            assert {name: getattr(tile, name) for name in fields} == fields
            assert (tile.steps, ctx.get(dut.end)) == (keys, last)
            await ctx.tick()
            ctx.set(dut.tile.ready, 0)
        assert not ctx.get(dut.busy)
        assert not ctx.get(dut.tile.valid)

    simulate(dut, testbench)
