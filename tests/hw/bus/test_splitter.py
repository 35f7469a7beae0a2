"""BurstSplitter: bursts that cover a transfer exactly, end at lines of 128 bytes, and come one a cycle."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.splitter import BurstSplitter
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses

LINE = BUS_BYTES * MAX_BURST_BEATS


def bursts(addr: int, beats: int) -> list[tuple[int, int]]:
    """Address and beats of each burst of a transfer."""
    cut = []
    while beats:
        now = min(beats, (LINE - addr % LINE) // BUS_BYTES)
        cut.append((addr, now))
        addr, beats = (addr + BUS_BYTES * now) % (1 << 32), beats - now
    return cut


def test_random_transfers(rng: np.random.Generator) -> None:
    dut = BurstSplitter()
    transfers = [(8 * int(rng.integers(1 << 20)), int(rng.choice([0, 1, 2, 15, 16, 17, 33, 200]))) for _ in range(60)]
    expected = [burst for transfer in transfers for burst in bursts(*transfer)]
    descriptors = [{"addr": addr, "beats": beats} for addr, beats in transfers]
    got: list[Any] = []
    simulate(
        dut,
        put_all(dut.descriptor, descriptors, random_pauses(rng, 0, 0, 5)),
        get_all(dut.burst, len(expected), got, random_pauses(rng, 0, 0, 3)),
    )
    assert [(burst.addr, burst.len + 1) for burst in got] == expected


@pytest.mark.parametrize(
    ("addr", "beats"),
    [(0, 16), (0, 17), (120, 1), (4096 - 8, 2), (4096 - 136, 33), ((1 << 32) - 8, 3), (8, (1 << 20) - 1)],
)
def test_one_transfer_at_a_burst_a_cycle(addr: int, beats: int) -> None:
    dut = BurstSplitter()
    expected = bursts(addr, beats)[:40]
    got = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.descriptor.payload, {"addr": addr, "beats": beats})
        ctx.set(dut.descriptor.valid, 1)
        await ctx.tick()
        ctx.set(dut.descriptor.valid, 0)
        ctx.set(dut.burst.ready, 1)
        assert ctx.get(dut.busy)
        await ctx.tick()
        for _ in expected:
            assert ctx.get(dut.burst.valid)
            burst = ctx.get(dut.burst.payload)
            got.append((burst.addr, burst.len + 1))
            await ctx.tick()
        if len(expected) < 40:
            assert not ctx.get(dut.busy)

    simulate(dut, testbench)
    assert got == expected
    assert all(start // 4096 == (start + BUS_BYTES * count - 1) // 4096 for start, count in got)
