# amaranth: UnusedElaboratable=no

"""Queue: items of a layout in order, as many as it holds, at full rate, with its latency."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import signed
from amaranth.lib import data

from gatewright_hw.parts.queue import Queue
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses, stream_get, stream_put

ITEM = data.StructLayout({"number": 7, "value": signed(5)})


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 5, 16])
def test_items_of_a_layout_come_in_order(depth: int, buffered: bool, rng: np.random.Generator) -> None:
    dut = Queue(ITEM, depth, buffered=buffered)
    items = [{"number": i, "value": int(rng.integers(-16, 16))} for i in range(100)]
    got: list[Any] = []
    pauses = random_pauses(rng, 0, 0, 3), random_pauses(rng, 0, 0, 4)
    simulate(dut, put_all(dut.i, items, pauses[0]), get_all(dut.o, len(items), got, pauses[1]))
    assert [{"number": item.number, "value": item.value} for item in got] == items


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("depth", [2, 3, 8])
def test_it_holds_its_depth_and_no_more(depth: int, buffered: bool) -> None:
    dut = Queue(8, depth, buffered=buffered)
    levels = []

    async def testbench(ctx: Any) -> None:
        for item in range(depth):
            levels.append(ctx.get(dut.level))
            await stream_put(ctx, dut.i, item)
        await ctx.tick().repeat(2)
        levels.append(ctx.get(dut.level))
        assert not ctx.get(dut.i.ready)
        assert [await stream_get(ctx, dut.o) for _ in range(depth)] == list(range(depth))
        assert not ctx.get(dut.o.valid)

    simulate(dut, testbench)
    assert levels == list(range(depth + 1))


@pytest.mark.parametrize(("buffered", "latency"), [(False, 1), (True, 2)])
def test_latency_and_full_rate(buffered: bool, latency: int) -> None:
    dut = Queue(8, 4, buffered=buffered)
    came = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.o.ready, 1)
        for cycle in range(20):
            ctx.set(dut.i.payload, cycle)
            assert ctx.get(dut.i.ready)
            if ctx.get(dut.o.valid):
                came.append((cycle, ctx.get(dut.o.payload)))
            await ctx.tick()

    simulate(dut, testbench)
    assert came == [(cycle, cycle - latency) for cycle in range(latency, 20)]


def test_a_depth_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="Queue: depth is 0, allowed at least 1"):
        Queue(8, 0)
