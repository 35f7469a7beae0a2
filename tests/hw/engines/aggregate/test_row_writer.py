# amaranth: UnusedElaboratable=no

"""RowWriter against ``spec.fixed.requantise``: rows of every width in memory, no byte beside them."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS, requantise
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.engines.aggregate.row_writer import RowWriter
from gatewright_sim.components.port_memory import PortMemory
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.values import signed_values

MAX_FEATURES = 64
SIZE = 1 << 12
ADDR = 256
QUEUE_BYTES = 4 * MAX_BURST_BEATS * BUS_BYTES
PIPELINE = 3  # cycles from a group's launch to its accumulators


@pytest.mark.parametrize("stall", [0.0, 0.7])
@pytest.mark.parametrize("features", [1, 8, 13, 64])
@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_rows_in_memory(lanes: int, features: int, stall: float, rng: np.random.Generator) -> None:
    multiplier, shift = int(rng.integers(1 << 15, 1 << 16)), 40
    words = -(-features // BUS_BYTES)
    acc = signed_values(rng, AGGREGATE_ACCUMULATOR_BITS, (12, words * BUS_BYTES))
    acc[::2] = rng.integers(-(200 << 25), 200 << 25, acc[::2].shape)  # results within and about int8
    stride = BUS_BYTES * (words + int(rng.integers(0, 3)))
    background = rng.bytes(SIZE)
    memory = PortMemory(bytearray(background), int(rng.integers(1 << 30)), (1, 20), stall)
    dut = RowWriter(MAX_FEATURES, lanes)

    async def testbench(ctx: Any) -> None:
        constants = {"features": features, "multiplier": multiplier, "shift": shift, "stride": stride, "addr": ADDR}
        for name, value in constants.items():
            ctx.set(getattr(dut, name), value)
        await ctx.tick()
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        assert ctx.get(dut.idle)
        waiting = acc.reshape(-1, lanes).tolist()
        on_the_way: list[list[int] | None] = [None] * PIPELINE
        while waiting or any(on_the_way):
            launches = bool(waiting) and bool(ctx.get(dut.room)) and rng.random() < 0.9
            on_the_way.append(waiting.pop(0) if launches else None)
            arrives = on_the_way.pop(0)
            ctx.set(dut.launch, launches)
            ctx.set(dut.valid, arrives is not None)
            ctx.set(dut.acc, arrives or [0] * lanes)
            await ctx.tick()
            assert not (any(on_the_way) and ctx.get(dut.idle))
        ctx.set(dut.launch, 0)
        ctx.set(dut.valid, 0)
        await ctx.tick().until(dut.idle)

    simulate(dut, testbench, background=[memory.writes(dut.port)])
    expected = bytearray(background)
    rows = requantise(acc, multiplier, shift)[:, :features].astype(np.int8)
    for number, row in enumerate(rows):
        expected[ADDR + number * stride : ADDR + number * stride + features] = row.tobytes()
    assert memory.data == expected


@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_every_place_of_the_queue_is_lent(lanes: int) -> None:
    """While memory takes nothing, as many groups set off as the write queue holds, and no more."""
    dut = RowWriter(MAX_FEATURES, lanes)
    launched = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.features, BUS_BYTES)
        for _ in range(2 * QUEUE_BYTES // lanes):
            room = ctx.get(dut.room)
            launched.append(room)
            ctx.set(dut.launch, room)
            await ctx.tick()

    simulate(dut, testbench)
    assert sum(launched) == QUEUE_BYTES // lanes


@pytest.mark.parametrize("max_features", [4, 8193])
def test_impossible_sizes_are_refused(max_features: int) -> None:
    with pytest.raises(ValueError, match=rf"RowWriter: max_features is {max_features}, allowed 8\.\.8192"):
        RowWriter(max_features, 8)


@pytest.mark.parametrize("lanes", [1, 3, 16])
def test_impossible_lanes_are_refused(lanes: int) -> None:
    with pytest.raises(ValueError, match=f"RowWriter: lanes is {lanes}, allowed 2, 4, 8"):
        RowWriter(MAX_FEATURES, lanes)
