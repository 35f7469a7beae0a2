"""Trees of pairs: sums and largest values, after the cycles they say."""

from collections.abc import Callable
from operator import add
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, Value, signed

from gatewright_hw.parts.pair_tree import larger, pair_tree, pair_tree_delay
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.values import signed_values


@pytest.mark.parametrize(("join", "rule"), [(add, np.sum), (larger, np.max)])
@pytest.mark.parametrize("count", [1, 2, 4, 16])
def test_joins_all_values(
    count: int, join: Callable[[Value, Value], Value], rule: Callable[..., Any], rng: np.random.Generator
) -> None:
    m = Module()
    values = [Signal(signed(8), name=f"value_{i}") for i in range(count)]
    total = pair_tree(m, values, join, "total")
    m.d.sync += Signal().eq(1)  # a tree over one value has no register, hence no clock
    rows = signed_values(rng, 8, (60, count))
    delay = pair_tree_delay(count)
    seen = []

    async def testbench(ctx: Any) -> None:
        for cycle in range(len(rows) + delay):
            if cycle < len(rows):
                for value, element in zip(values, rows[cycle], strict=True):
                    ctx.set(value, int(element))
            if cycle >= delay:
                seen.append(ctx.get(total))
            await ctx.tick()

    simulate(m, testbench)
    np.testing.assert_array_equal(seen, rule(rows, axis=1))


@pytest.mark.parametrize("count", [0, 3, 6])
def test_only_powers_of_two_are_paired(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count}"):
        pair_tree_delay(count)
