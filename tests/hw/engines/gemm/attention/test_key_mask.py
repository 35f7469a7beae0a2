"""KeyMask: the bits of a group in the same cycle, all ones when there is no mask."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm.attention.key_mask import KeyMask
from gatewright_hw.engines.gemm.geometry import Geometry
from gatewright_sim.components.simulation import simulate


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize(("max_seq", "lanes"), [(16, 8), (64, 4), (256, 2)])
def test_groups_of_the_mask(max_seq: int, lanes: int, enabled: bool, rng: np.random.Generator) -> None:
    g = Geometry(replace(get_config("tiny"), max_seq=max_seq, lanes=lanes, array_rows=8, a_depth=1024, b_depth=1024))
    dut = KeyMask(g)
    words = -(-max_seq // 64)
    mask = rng.integers(0, 2, 64 * words)
    got: list[int] = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.enabled, enabled)
        ctx.set(dut.write, 1)
        for word in range(words):
            ctx.set(dut.word, word)
            ctx.set(dut.bits, sum(int(bit) << i for i, bit in enumerate(mask[64 * word : 64 * word + 64])))
            await ctx.tick()
        ctx.set(dut.write, 0)
        ctx.set(dut.bits, 0)
        await ctx.tick()
        for group in range(g.groups):
            ctx.set(dut.group, group)
            allowed = ctx.get(dut.allowed)
            got.extend(allowed >> lane & 1 for lane in range(lanes))

    simulate(dut, testbench)
    assert got == (mask[:max_seq].tolist() if enabled else [1] * max_seq)
