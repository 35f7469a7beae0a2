"""TileIssuer: the steps of each tile in order, no tile on the heels of one that is not drained, room first."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm.geometry import Geometry, Kind
from gatewright_hw.engines.gemm.issuer import TileIssuer
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import put_all, random_pauses

WAYS = {
    "a product a multiplier": (Geometry(replace(get_config("tiny"), array_depth=1)), False),
    "two products, B narrow": (Geometry(replace(get_config("tiny"), array_depth=2)), True),
    "two products, B whole": (Geometry(replace(get_config("tiny"), array_depth=2)), False),
}
"""A geometry, and whether B is narrow."""

DRAIN = get_config("tiny").drain_cycles


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> tuple[Geometry, bool]:
    return WAYS[request.param]


def cycles_of(way: tuple[Geometry, bool]) -> int:
    """Of a step."""
    return 2 if way[0].depth > 1 and not way[1] else 1


def issue(
    way: tuple[Geometry, bool], tiles: list[dict[str, Any]], pauses: Any, room: Any
) -> tuple[list[dict[str, Any]], list[int]]:
    """What leaves the issuer for ``tiles``: the steps, each with its cycle, and the ``group`` of each reserved tile."""
    geometry, narrow = way
    dut = TileIssuer(geometry)
    steps: list[dict[str, Any]] = []
    reserved: list[int] = []

    async def observe(ctx: Any) -> None:
        word = begun = 0
        ctx.set(dut.narrow, narrow)
        for cycle in range(40 + sum(60 + 2 * tile["steps"] for tile in tiles)):
            ctx.set(dut.reserve.ready, bool(next(room)))
            if ctx.get(dut.reserve.valid) and ctx.get(dut.reserve.ready):
                reserved.append(ctx.get(dut.reserve.payload.group))
            if ctx.get(dut.read):
                word = ctx.get(dut.a_word), ctx.get(dut.b_word)
            if ctx.get(dut.first):
                begun = 1
            if begun:
                names = ("group", "live", "sides", "first", "last", "unsigned", "release_a")
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
def test_steps_of_random_tiles(trial: int, way: tuple[Geometry, bool], rng: np.random.Generator) -> None:
    tiles = random_tiles(rng, 12)
    room = (rng.random() < 0.4 for _ in iter(int, 1))
    depth, times = way[0].depth, cycles_of(way)
    steps, reserved = issue(way, tiles, random_pauses(rng, 0, 0, 30), room)
    assert reserved == [tile["group"] for tile in tiles if tile["kind"] != Kind.SCORE]
    stream, ends = iter(steps), []
    for tile in tiles:
        count = -(-tile["steps"] // depth)
        for index, turn in product(range(count), range(times)):
            step, last = next(stream), (index, turn) == (count - 1, times - 1)
            word, group = divmod(index, 8 // depth)
            assert (step["word"], step["group"]) == ((tile["a_word"] + word, tile["b_word"] + word), group)
            assert step["live"] == (1 << min(depth, tile["steps"] - index * depth)) - 1
            assert step["sides"] == (0b11 if times == 1 else 1 << turn)
            assert (step["first"], step["last"]) == ((index, turn) == (0, 0), last)
            assert step["unsigned"] == (tile["kind"] == Kind.VALUE)
            assert step["release_a"] == (last and tile["release_a"])
        assert step["ended"] == tile["group"]
        ends.append(step["cycle"])
    assert next(stream, None) is None
    assert min(np.diff(ends)) >= DRAIN


@pytest.mark.parametrize("steps", [1, DRAIN, 2 * DRAIN, 31])
def test_tiles_follow_without_a_gap(steps: int, way: tuple[Geometry, bool]) -> None:
    tiles = [{"kind": Kind.GEMM, "steps": steps, "group": number} for number in range(4)]
    issued, _ = issue(way, tiles, iter([0] * 4), iter([1] * 1000))
    ends = [step["cycle"] for step in issued if step["last"]]
    count = -(-steps // way[0].depth)
    pause = max(DRAIN - count, 0)
    assert np.diff(ends).tolist() == [pause + count * cycles_of(way)] * 3
