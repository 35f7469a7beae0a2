"""Drain: accumulators to results by the rule of each kind, with the tags that say where they belong."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright.spec.fixed import requantise
from gatewright.spec.tiling import BLOCK_TILES
from gatewright_hw.engines.gemm.drain import Drain
from gatewright_hw.engines.gemm.geometry import Geometry, Kind, Width
from gatewright_sim.components.simulation import simulate

TINY = Geometry(get_config("tiny"))
BITS = {Width.INT8: 8, Width.INT16: 16}


class Columns:
    """Random parameters of every column of every slot: bias, multiplier, shift [slot, column]."""

    def __init__(self, rng: np.random.Generator) -> None:
        shape = (2 * BLOCK_TILES, TINY.cols)
        self.bias = rng.integers(-(1 << 20), 1 << 20, shape)
        self.multiplier = rng.integers(0, 1 << 16, shape)
        self.shift = rng.integers(16, 32, shape)

    def set(self, ctx: Any, dut: Drain, with_params: bool) -> None:
        slot, part = ctx.get(dut.slot), ctx.get(dut.part)
        for lane in range(TINY.lanes):
            at = slot, part * TINY.lanes + lane
            record = {"multiplier": int(self.multiplier[at]), "shift": int(self.shift[at])}
            ctx.set(dut.columns[lane], record | {"bias": int(self.bias[at]) % (1 << 32) if with_params else 12345})


def drain(dut: Drain, tiles: list[dict[str, Any]], acc: np.ndarray, each_cycle: Any) -> list[tuple[int, Any, Any]]:
    """Tiles of accumulators [tile, row, column] through ``dut``, back to back; ``each_cycle`` sets what depends on the
    outputs. Returns (cycles since the accumulators, results, scores) of each group."""
    g, got = TINY, []
    groups = [(tile, row, part) for tile in range(len(tiles)) for row in range(g.rows) for part in range(g.parts)]

    async def testbench(ctx: Any) -> None:
        begun: list[int] = []
        for cycle in range(len(groups) + dut.delay + 1):
            if cycle < len(groups):
                tile, row, part = groups[cycle]
                values = [int(x) for x in acc[tile, row, part * g.lanes : (part + 1) * g.lanes]]
                ctx.set(dut.drained, {"valid": 1, "row": row, "part": part, "acc": values})
                if row == part == 0:  # later the next tile may be there already
                    ctx.set(dut.ended, tiles[tile])
                elif row == 1:
                    ctx.set(dut.ended, {"kind": Kind.GEMM, "slot": 1, "rows": 1})
                begun.append(cycle)
                end = (row, part) == (g.rows - 1, g.parts - 1)
                assert ctx.get(dut.release_b) == (end and tiles[tile].get("release_b", 0))
            else:
                ctx.set(dut.drained.valid, 0)
            each_cycle(ctx)
            results, scores = ctx.get(dut.results), ctx.get(dut.scores)
            if results.valid or scores.valid:
                got.append((cycle - begun[len(got)], results, scores))
            await ctx.tick()

    simulate(dut, testbench)
    assert len(got) == len(groups)
    return got


def row_major(got: list[Any], pick: Any) -> np.ndarray:
    """What ``pick`` takes of each group, as [tile, row, column]."""
    return np.array([pick(item) for item in got]).reshape(-1, TINY.rows, TINY.cols)


@pytest.mark.parametrize("with_params", [False, True])
@pytest.mark.parametrize("width", Width)
def test_products_take_their_columns_parameters(width: Width, with_params: bool, rng: np.random.Generator) -> None:
    g, dut, columns = TINY, Drain(TINY), Columns(rng)
    tiles = [{"kind": Kind.GEMM, "slot": i, "rows": 1 + i, "cols": 8 - i, "release_b": i % 2} for i in range(4)]
    acc = rng.integers(-(1 << 23), 1 << 23, (len(tiles), g.rows, g.cols))

    def each_cycle(ctx: Any) -> None:
        ctx.set(dut.width, width)
        ctx.set(dut.with_params, with_params)
        columns.set(ctx, dut, with_params)

    got = drain(dut, tiles, acc, each_cycle)
    slots = [tile["slot"] for tile in tiles]
    biased = acc + (columns.bias[slots, None] if with_params else 0)
    if width is Width.INT32:
        results = row_major(got, lambda item: list(item[1].wide))
        expected = biased
    else:
        results = row_major(got, lambda item: list(item[1].narrow))
        results = (results + (1 << BITS[width] - 1)) % (1 << BITS[width]) - (1 << BITS[width] - 1)
        expected = requantise(biased, columns.multiplier[slots, None], columns.shift[slots, None], BITS[width])
    np.testing.assert_array_equal(results, expected)
    assert {cycles for cycles, _, _ in got} == {2 if width is Width.INT32 else dut.delay}
    assert [(item.tag.row_exists, item.tag.part, item.tag.cols) for _, item, _ in got] == [
        (row < tile["rows"], part, tile["cols"]) for tile in tiles for row in range(g.rows) for part in range(g.parts)
    ]


def test_values_take_the_scale_of_their_row(rng: np.random.Generator) -> None:
    g, dut = TINY, Drain(TINY)
    tiles = [{"kind": Kind.VALUE, "buffer": i % 2, "rows": g.rows, "cols": g.cols} for i in range(3)]
    acc = rng.integers(-(1 << 23), 1 << 23, (len(tiles), g.rows, g.cols))
    multiplier, shift = rng.integers(0, 1 << 16, (2, g.rows)), rng.integers(20, 36, (2, g.rows))

    def each_cycle(ctx: Any) -> None:
        at = ctx.get(dut.buffer), ctx.get(dut.row)
        ctx.set(dut.width, Width.INT16)
        ctx.set(dut.row_scale, {"multiplier": int(multiplier[at]), "shift": int(shift[at])})

    got = drain(dut, tiles, acc, each_cycle)
    buffers = [tile["buffer"] for tile in tiles]
    expected = requantise(acc, multiplier[buffers][..., None], shift[buffers][..., None], 16)
    np.testing.assert_array_equal(row_major(got, lambda item: list(item[1].narrow)), expected)


def test_scores_know_which_keys_are_allowed(rng: np.random.Generator) -> None:
    """A key counts when it exists, the causal mask reaches it and the key mask allows it."""
    g, dut = TINY, Drain(TINY)
    reaches = (g.cols, 3, -1, -g.rows, 1)
    tiles = [
        {"kind": Kind.SCORE, "buffer": i % 2, "rows": 1 + i % g.rows, "cols": int(rng.integers(1, g.cols + 1))}
        | {"group": 2 * i, "first": i % 2, "last": (i + 1) % 2, "reach": reach}
        for i, reach in enumerate(reaches)
    ]
    acc = rng.integers(-(1 << 23), 1 << 23, (len(tiles), g.rows, g.cols))
    mask = rng.integers(0, 2, (g.groups, g.lanes))

    def each_cycle(ctx: Any) -> None:
        ctx.set(dut.score_scale, {"multiplier": 40000, "shift": 25})
        ctx.set(dut.key_mask, sum(int(bit) << lane for lane, bit in enumerate(mask[ctx.get(dut.group)])))

    got = drain(dut, tiles, acc, each_cycle)
    np.testing.assert_array_equal(row_major(got, lambda item: list(item[2].score)), requantise(acc, 40000, 25, 16))
    allowed = row_major(got, lambda item: [item[2].tag.allowed >> lane & 1 for lane in range(g.lanes)])
    row, key = np.arange(g.rows)[:, None], np.arange(g.cols)
    for i, tile in enumerate(tiles):
        keys = mask[tile["group"] : tile["group"] + g.parts].reshape(-1)
        np.testing.assert_array_equal(allowed[i], (key < tile["cols"]) & (key < tile["reach"] + row) & (keys == 1))
    tags = [item.tag for _, _, item in got]
    assert [(tag.buffer, tag.row, tag.group, tag.first, tag.final, tag.rows) for tag in tags] == [
        (
            tile["buffer"],
            row,
            tile["group"] + part,
            tile["first"] and part == 0,
            tile["last"] and (row, part) == (g.rows - 1, g.parts - 1),
            tile["rows"],
        )
        for tile in tiles
        for row in range(g.rows)
        for part in range(g.parts)
    ]
