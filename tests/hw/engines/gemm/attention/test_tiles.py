"""AttentionTiles: scores one item ahead of values, S0 S1 V0 S2 V1 .., each value item with the keys of its scores."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import ATTENTION, AttentionFlags, encode
from gatewright.spec.config import QUERY_TILES, get_config
from gatewright_hw.engines.gemm.attention.tiles import AttentionTiles
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Kind
from gatewright_sim.components.gemm_control import begin_command
from gatewright_sim.components.simulation import simulate

TINY = Geometry(get_config("tiny"))


class Sequence:
    """What has gone so far: the tiles as (kind, item), and of each item its keys by its scores and by its values."""

    def __init__(self, head_dim: int) -> None:
        self.value_tiles = -(-head_dim // TINY.cols)
        self.order: list[tuple[Kind, int]] = []
        self.scored: list[int] = []
        self.valued: list[int] = []
        self._tiles_of_value = 0

    def add(self, tile: Any) -> bool:
        """Note a tile; whether it ends an item of scores."""
        items = self.scored if tile.kind == Kind.SCORE else self.valued
        entry = Kind(tile.kind), len(items)
        assert tile.buffer == len(items) % 2
        if self.order[-1:] != [entry]:
            self.order.append(entry)
        if tile.kind == Kind.SCORE and tile.last:
            self.scored.append(tile.group * TINY.lanes + tile.cols)
        if tile.kind == Kind.VALUE:
            self._tiles_of_value += 1
            if self._tiles_of_value % self.value_tiles == 0:
                self.valued.append(tile.steps)
        return bool(tile.kind == Kind.SCORE and tile.last)


@pytest.mark.parametrize("flags", [AttentionFlags(0), AttentionFlags.CAUSAL], ids=str)
@pytest.mark.parametrize("size", [(1, 9, 1, 8), (4, 20, 4, 16), (30, 30, 2, 8)], ids=str)
def test_scores_run_one_item_ahead(
    size: tuple[int, int, int, int], flags: AttentionFlags, rng: np.random.Generator
) -> None:
    dut, (seq_q, _, heads, head_dim) = AttentionTiles(TINY), size
    sizes = dict(zip(("seq_q", "seq_kv", "heads", "head_dim"), size, strict=True))
    fields = {field.name: 0 for field in ATTENTION.fields} | sizes
    command = encode(ATTENTION, flags, **fields)
    of_head = -(-seq_q // TINY.rows)
    items, gone = heads * of_head, Sequence(head_dim)

    async def testbench(ctx: Any) -> None:
        await begin_command(ctx, dut, command)
        sent = dict.fromkeys((Event.A, Event.B, Event.V), 0)
        in_softmax = 0
        while len(gone.valued) < items:
            room = {Event.A: min(items, len(gone.scored) + 2 * QUERY_TILES)}
            room |= dict.fromkeys((Event.B, Event.V), min(heads, len(gone.valued) // of_head + 2))
            wanted = [event for event in sent if sent[event] < room[event]]
            event = Event(rng.choice(wanted)) if wanted and rng.random() < 0.5 else Event.NONE
            if event in sent:
                sent[event] += 1
            done = in_softmax > 0 and bool(rng.random() < 0.3)
            ctx.set(dut.event, event)
            ctx.set(dut.softmax_done, done)
            ctx.set(dut.tile.ready, bool(rng.random() < 0.7))
            assert ctx.get(dut.busy)
            in_softmax -= done
            if ctx.get(dut.tile.valid) and ctx.get(dut.tile.ready):
                in_softmax += gone.add(ctx.get(dut.tile.payload))
            await ctx.tick()
        assert not ctx.get(dut.busy)

    simulate(dut, testbench)
    assert gone.valued == gone.scored
    expected = [(Kind.SCORE, 0)]
    for item in range(items):
        expected += [(Kind.SCORE, item + 1)] * (item + 1 < items) + [(Kind.VALUE, item)]
    assert gone.order == expected
