"""StreamRegister: every payload once and in order, full rate, no path from one side to the other."""

from typing import Any

import numpy as np
import pytest

from gatewright_hw.parts.stream_register import StreamRegister
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses


@pytest.mark.parametrize(("idle", "busy"), [((0,), (0, 0, 5)), ((0, 0, 5), (0,)), ((0, 1, 2), (0, 1, 2))])
def test_payloads_pass_in_order(idle: tuple[int, ...], busy: tuple[int, ...], rng: np.random.Generator) -> None:
    dut = StreamRegister(8)
    payloads = rng.integers(0, 256, 200).tolist()
    got: list[int] = []
    puts = put_all(dut.i, payloads, random_pauses(rng, *idle))
    simulate(dut, puts, get_all(dut.o, len(payloads), got, random_pauses(rng, *busy)))
    assert got == payloads


def test_full_rate_a_cycle_later() -> None:
    dut = StreamRegister(8)
    seen = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.o.ready, 1)
        for cycle in range(20):
            ctx.set(dut.i.payload, cycle)
            assert ctx.get(dut.i.ready)
            seen.append(ctx.get(dut.o.payload) if ctx.get(dut.o.valid) else None)
            await ctx.tick()

    simulate(dut, testbench)
    assert seen == [None, *range(19)]


def test_neither_valid_nor_ready_passes_in_the_same_cycle() -> None:
    dut = StreamRegister(8)

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.i.valid, 1)
        assert not ctx.get(dut.o.valid)
        await ctx.tick().repeat(3)
        assert not ctx.get(dut.i.ready)
        ctx.set(dut.o.ready, 1)
        assert not ctx.get(dut.i.ready)

    simulate(dut, testbench)
