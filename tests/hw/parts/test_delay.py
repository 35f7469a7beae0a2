"""Delay lines keep the shape of what they delay, and only control is cleared by a reset."""

from typing import Any

import pytest
from amaranth.hdl import Module, ResetInserter, Signal, signed
from amaranth.lib import data

from gatewright_hw.parts.delay import delayed
from gatewright_sim.components.simulation import simulate

PAIR = data.StructLayout({"low": 3, "high": signed(4)})


def test_each_step_is_a_cycle_later() -> None:
    m = Module()
    value = Signal(PAIR)
    steps = delayed(m, value, 3)
    seen = []

    async def testbench(ctx: Any) -> None:
        for cycle in range(8):
            ctx.set(value, {"low": cycle, "high": -cycle})
            seen.append([ctx.get(step.low) - ctx.get(step.high) for step in steps])
            await ctx.tick()

    simulate(m, testbench)
    assert seen == [[2 * max(cycle - step, 0) for step in range(4)] for cycle in range(8)]


@pytest.mark.parametrize(("reset", "kept"), [(True, 0), (False, 1)])
def test_a_reset_clears_control_and_not_data(reset: bool, kept: int) -> None:
    m = Module()
    value, clear = Signal(), Signal()
    last = delayed(m, value, 2, reset=reset)[-1]

    async def testbench(ctx: Any) -> None:
        ctx.set(value, 1)
        await ctx.tick()
        ctx.set(value, 0)
        ctx.set(clear, 1)
        await ctx.tick()
        assert ctx.get(last) == kept

    simulate(ResetInserter(clear)(m), testbench)
