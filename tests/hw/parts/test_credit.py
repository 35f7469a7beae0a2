"""Places of a queue are counted when they are promised and when they become free."""

from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal

from gatewright_hw.parts.credit import places_left
from gatewright_sim.components.simulation import simulate


def test_counts_what_is_claimed_and_returned(rng: np.random.Generator) -> None:
    m = Module()
    claimed, returned = Signal(range(4)), Signal()
    left = places_left(m, 9, claimed, returned)
    expected, seen = [9], []

    async def testbench(ctx: Any) -> None:
        for _ in range(200):
            seen.append(ctx.get(left))
            takes = int(rng.integers(0, min(3, expected[-1]) + 1))
            gives = int(rng.integers(0, 2)) if expected[-1] < 9 else 0
            ctx.set(claimed, takes)
            ctx.set(returned, gives)
            expected.append(expected[-1] - takes + gives)
            await ctx.tick()

    simulate(m, testbench)
    assert seen == expected[:-1]
    assert {0, 9} <= set(seen)
