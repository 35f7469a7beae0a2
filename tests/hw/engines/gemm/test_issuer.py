"""TileIssuer: the steps of each tile in order, no tile on the heels of one that is not drained, room first."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm.geometry import Geometry, Kind
from gatewright_hw.engines.gemm.issuer import TileIssuer
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import put_all, random_pauses

TINY = Geometry(get_config("tiny"))


def issue(tiles: list[dict[str, Any]], pauses: Any, room: Any) -> tuple[list[dict[str, Any]], list[int]]:
    """What leaves the issuer for ``tiles``: the steps, each with its cycle, and the ``group`` of each reserved tile."""
    dut = TileIssuer(TINY)
    steps: list[dict[str, Any]] = []
    reserved: list[int] = []

    async def observe(ctx: Any) -> None:
        word = begun = 0
        for cycle in range(40 + sum(60 + tile["steps"] for tile in tiles)):
            ctx.set(dut.reserve.ready, bool(next(room)))
            if ctx.get(dut.reserve.valid) and ctx.get(dut.reserve.ready):
                reserved.append(ctx.get(dut.reserve.payload.group))
            if ctx.get(dut.read):
                word = ctx.get(dut.a_word), ctx.get(dut.b_word)
            if ctx.get(dut.first):
                begun = 1
            if begun:
                names = ("byte", "first", "last", "unsigned", "release_a")
                steps.append({name: ctx.get(getattr(dut, name)) for name in names} | {"word": word, "cycle": cycle})
            ended = begun and ctx.get(dut.last)
            await ctx.tick()
            if ended:
                begun = 0
                steps[-1]["ended"] = ctx.get(dut.ended.group)

    simulate(dut, put_all(dut.tile, tiles, pauses), observe)
    return steps, reserved


def random_tiles(rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """Tiles of one step to several words, numbered by ``group``."""
    return [
        {"kind": int(rng.choice(list(Kind))), "a_word": int(rng.integers(64)), "b_word": int(rng.integers(64))}
        | {"steps": int(rng.integers(1, 40)), "release_a": int(rng.integers(2)), "group": number}
        for number in range(count)
    ]


@pytest.mark.parametrize("trial", range(3))
def test_steps_of_random_tiles(trial: int, rng: np.random.Generator) -> None:
    tiles = random_tiles(rng, 12)
    room = (rng.random() < 0.4 for _ in iter(int, 1))
    steps, reserved = issue(tiles, random_pauses(rng, 0, 0, 30), room)
    assert reserved == [tile["group"] for tile in tiles if tile["kind"] != Kind.SCORE]
    stream, ends = iter(steps), []
    for tile in tiles:
        for index in range(tile["steps"]):
            step, last = next(stream), index == tile["steps"] - 1
            word = tile["a_word"] + index // 8, tile["b_word"] + index // 8
            assert (step["word"], step["byte"]) == (word, index % 8)
            assert (step["first"], step["last"]) == (index == 0, last)
            assert step["unsigned"] == (tile["kind"] == Kind.VALUE)
            assert step["release_a"] == (last and tile["release_a"])
        assert step["ended"] == tile["group"]
        ends.append(step["cycle"])
    assert next(stream, None) is None
    assert min(np.diff(ends)) >= TINY.drain_cycles


@pytest.mark.parametrize("steps", [1, TINY.drain_cycles, 30])
def test_tiles_follow_without_a_gap(steps: int) -> None:
    tiles = [{"kind": Kind.GEMM, "steps": steps, "group": number} for number in range(4)]
    issued, _ = issue(tiles, iter([0] * 4), iter([1] * 1000))
    ends = [step["cycle"] for step in issued if step["last"]]
    assert np.diff(ends).tolist() == [max(steps, TINY.drain_cycles)] * 3
