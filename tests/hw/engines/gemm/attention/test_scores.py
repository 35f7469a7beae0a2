"""ScoreItems: the tiles of Q K^T of each head and tile of queries, up to the last key that the causal mask reaches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import ATTENTION, AttentionFlags, encode
from gatewright.spec.config import QUERY_TILES, get_config
from gatewright_hw.engines.gemm.attention.scores import ScoreItems
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Kind
from gatewright_sim.components.gemm_control import begin_command
from gatewright_sim.components.simulation import simulate

TINY = Geometry(get_config("tiny"))


def expected(
    seq_q: int, seq_kv: int, heads: int, head_dim: int, causal: bool
) -> Iterator[tuple[list[Event], int, dict[str, int]]]:
    """The operands that each tile is the first to use, the keys of its item, and its fields."""
    g, words, tiles = TINY, head_dim // 8, -(-seq_q // TINY.rows)
    for item in range(heads * tiles):
        head, tile = divmod(item, tiles)
        reach = seq_kv - seq_q + 1 + tile * g.rows if causal else g.length.stop
        keys = max(1, min(reach + g.rows - 1, seq_kv))
        upper, index = divmod(item % (2 * QUERY_TILES), QUERY_TILES)
        for begin in range(0, keys, g.cols):
            last = begin + g.cols >= keys
            events = [Event.A] * (begin == 0) + [Event.B] * (begin == tile == 0)
            yield (
                events,
                keys,
                {
                    "kind": Kind.SCORE,
                    "a_word": upper * g.a_half + index * words,
                    "b_word": head % 2 * g.b_half + begin // g.cols * words,
                    "steps": head_dim,
                    "release_a": last,
                    "release_b": 0,
                    "rows": min(g.rows, seq_q - tile * g.rows),
                    "cols": min(g.cols, keys - begin),
                    "buffer": item % 2,
                    "group": begin // g.lanes,
                    "first": begin == 0,
                    "last": last,
                    "reach": max(-g.rows, min(reach - begin, g.cols)),
                },
            )


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("size", [(1, 1, 1, 8), (5, 64, 3, 32), (30, 17, 2, 16), (21, 17, 1, 8)], ids=str)
def test_tiles_of_scores(size: tuple[int, int, int, int], causal: bool, rng: np.random.Generator) -> None:
    dut = ScoreItems(TINY)
    sizes = dict(zip(("seq_q", "seq_kv", "heads", "head_dim"), size, strict=True))
    fields = {field.name: 0 for field in ATTENTION.fields} | sizes
    command = encode(ATTENTION, AttentionFlags.CAUSAL if causal else 0, **fields)

    async def testbench(ctx: Any) -> None:
        await begin_command(ctx, dut, command)
        for events, keys, fields in expected(*size, causal):
            for event in events:
                await ctx.tick().repeat(int(rng.integers(1, 6)))
                assert not ctx.get(dut.tile.valid), "a tile before its operands"
                ctx.set(dut.event, event)
                await ctx.tick()
                ctx.set(dut.event, Event.NONE)
            ctx.set(dut.tile.ready, 1)
            while not ctx.get(dut.tile.valid):
                await ctx.tick()
            tile = ctx.get(dut.tile.payload)
            assert {name: getattr(tile, name) for name in fields} == fields
            assert (ctx.get(dut.end), ctx.get(dut.keys)) == (fields["last"], keys)
            await ctx.tick()
            ctx.set(dut.tile.ready, 0)
        assert not ctx.get(dut.busy)
        assert not ctx.get(dut.tile.valid)

    simulate(dut, testbench)
