# amaranth: UnusedElaboratable=no

"""PromisedQueue: as many claims as places, items in order, its delay."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import signed
from amaranth.lib import data

from gatewright_hw.parts.promised_queue import PromisedQueue
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, random_pauses

ITEM = data.ArrayLayout(signed(6), 2)
PIPELINE = 5  # cycles from a claim to its item


@pytest.mark.parametrize("depth", [3, 4, 9])
def test_claimed_places_hold_items_that_come_later(depth: int, rng: np.random.Generator) -> None:
    dut = PromisedQueue(ITEM, depth)
    items = rng.integers(-32, 32, (80, 2)).tolist()
    got: list[Any] = []

    async def pipeline(ctx: Any) -> None:
        """Claims whenever there is room, now and then; each item follows PIPELINE cycles behind its claim."""
        waiting = list(items)
        on_the_way: list[Any] = [None] * PIPELINE
        while waiting or any(on_the_way):
            claims = bool(waiting) and ctx.get(dut.room) and rng.random() < 0.8
            on_the_way.append(waiting.pop(0) if claims else None)
            item = on_the_way.pop(0)
            ctx.set(dut.claim, claims)
            ctx.set(dut.push, item is not None)
            ctx.set(dut.item, item or [0, 0])
            await ctx.tick()
        ctx.set(dut.push, 0)

    simulate(dut, pipeline, get_all(dut.o, len(items), got, random_pauses(rng, 0, 0, 2, 20)))
    assert [list(item) for item in got] == items


@pytest.mark.parametrize("depth", [3, 4])
def test_room_is_for_as_many_claims_as_places(depth: int) -> None:
    dut = PromisedQueue(4, depth)
    rooms = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.claim, 1)
        for _ in range(depth):
            rooms.append(ctx.get(dut.room))
            await ctx.tick()
        ctx.set(dut.claim, 0)
        rooms.append(ctx.get(dut.room))
        ctx.set(dut.push, 1)
        await ctx.tick()
        ctx.set(dut.push, 0)
        await ctx.tick().repeat(dut.delay)
        rooms.append(ctx.get(dut.room))  # an item that nobody takes keeps its place
        ctx.set(dut.o.ready, 1)
        await ctx.tick()
        rooms.append(ctx.get(dut.room))

    simulate(dut, testbench)
    assert rooms == [1] * depth + [0, 0, 1]


def test_delay() -> None:
    dut = PromisedQueue(4, 3)

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.claim, 1)
        ctx.set(dut.push, 1)
        await ctx.tick()
        ctx.set(dut.push, 0)
        for cycle in range(1, dut.delay + 1):
            assert ctx.get(dut.o.valid) == (cycle == dut.delay)
            await ctx.tick()

    simulate(dut, testbench)


@pytest.mark.parametrize("depth", [2, 8194])
def test_impossible_depths_are_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=rf"PromisedQueue: depth is {depth}, allowed 3\.\.8193"):
        PromisedQueue(8, depth)
