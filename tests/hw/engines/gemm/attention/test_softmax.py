"""Softmax: scores of tiles to weights in A's banks and a scale per row, by the rule of spec.softmax."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright.spec.fixed import Requantise
from gatewright.spec.softmax import EXP_ENTRIES, EXP_TABLE, row_scale
from gatewright_hw.engines.gemm.attention.softmax import Softmax
from gatewright_hw.engines.gemm.geometry import Geometry
from gatewright_sim.components.simulation import simulate

TINY = Geometry(get_config("tiny"))
OUT = Requantise(50000, 12)


def weights(scores: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The rule: e of [row, key]."""
    peak = np.where(allowed, scores, -(1 << 15)).max(axis=1, keepdims=True)
    distance = np.clip(peak - scores, 0, EXP_ENTRIES - 1)
    return np.where(allowed, EXP_TABLE[distance], 0)


class Bench:
    """Tiles of scores [row, key] in, one after the other, as far ahead as there are buffers."""

    def __init__(self, tiles: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self.dut = Softmax(TINY)
        self.tiles = tiles
        self.banks = np.full((TINY.rows, TINY.config.a_depth, 8), -1)
        self.done = 0
        self.results: list[tuple[np.ndarray, list[Any]]] = []

    async def feed(self, ctx: Any) -> None:
        g, dut = TINY, self.dut
        ctx.set(dut.out, {"multiplier": OUT.multiplier, "shift": OUT.shift})
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for number, (scores, allowed) in enumerate(self.tiles):
            while number - self.done >= 2:
                await ctx.tick()
            (rows, keys), whole = (
                scores.shape,
                (g.rows, g.config.max_seq),
            )  # rows and keys that do not exist come as well
            values, bits = np.full(whole, 99), np.zeros(whole, int)
            values[:rows, :keys], bits[:rows, :keys] = scores, allowed
            for begin in range(0, keys, g.cols):  # an array tile
                for row, part in product(range(g.rows), range(g.parts)):
                    at = begin + part * g.lanes
                    end = begin + g.cols >= keys and (row, part) == (g.rows - 1, g.parts - 1)
                    tag = {"buffer": number % 2, "row": row, "group": at // g.lanes, "rows": rows}
                    tag |= {"first": at == 0, "final": end}
                    tag |= {"allowed": sum(1 << i for i in range(g.lanes) if bits[row, at + i])}
                    score = values[row, at : at + g.lanes].tolist()
                    ctx.set(dut.scores, {"valid": 1, "score": score, "tag": tag})
                    await ctx.tick()
            ctx.set(dut.scores.valid, 0)
        while self.done < len(self.tiles):
            await ctx.tick()

    async def observe(self, ctx: Any) -> None:
        dut = self.dut
        while True:
            write = ctx.get(dut.write)
            for row in range(TINY.rows):
                for byte in range(8):
                    if write.banks >> row & 1 and write.bytes >> byte & 1:
                        self.banks[row, write.addr, byte] = write.data >> 8 * byte & 0xFF
            if ctx.get(dut.done):
                buffer, scales = self.done % 2, []
                ctx.set(dut.buffer, buffer)
                for row in range(TINY.rows):
                    ctx.set(dut.row, row)
                    scale = ctx.get(dut.scale)
                    scales.append((scale.multiplier, scale.shift))
                start = buffer * TINY.a_half + TINY.p_offset
                self.results.append((self.banks[:, start : start + TINY.config.max_seq // 8].copy(), scales))
                self.banks[:, start : start + TINY.config.max_seq // 8] = -1
                self.done += 1
            await ctx.tick()


@pytest.mark.parametrize("keys", [[1], [8, 8, 8], [64, 3, 17, 40, 9], [5, 64, 64, 1]], ids=str)
def test_weights_and_scales_of_tiles(keys: list[int], rng: np.random.Generator) -> None:
    """Near and far scores, masked keys, a row without any key, tiles with fewer rows than the array has."""
    tiles = []
    for number, count in enumerate(keys):
        rows = TINY.rows - number % 2
        spread = (1 << 15, 600, 20)[number % 3]
        scores, allowed = rng.integers(-spread, spread, (rows, count)), rng.random((rows, count)) < 0.8
        allowed[number % rows] = number % 3 != 1
        tiles.append((scores, allowed))
    bench = Bench(tiles)
    simulate(bench.dut, bench.feed, background=[bench.observe])
    for (scores, allowed), (words, scales) in zip(tiles, bench.results, strict=True):
        expected = weights(scores, allowed)
        rows, count = scores.shape
        np.testing.assert_array_equal(words.reshape(TINY.rows, -1)[:rows, :count], expected)
        multiplier, shift = row_scale(expected.sum(axis=1), OUT)
        exists = expected.any(axis=1)  # the shift of an empty row does not matter
        assert [scale[0] for scale in scales[:rows]] == multiplier.tolist()
        np.testing.assert_array_equal(np.array([scale[1] for scale in scales[:rows]])[exists], shift[exists])
