"""TileLoader: jobs to descriptors, bank writes and events."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm.geometry import Geometry
from gatewright_hw.engines.gemm.loader import TileLoader
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import stream_put

TINY = Geometry(get_config("tiny"))


@pytest.mark.parametrize("seed", range(3))
def test_loader_counts_what_it_asks_for(seed: int, rng: np.random.Generator) -> None:
    """Descriptors of all jobs in order, resumed addresses included, one event per job, although data comes in fits."""
    dut = TileLoader(TINY)
    jobs = []
    for _ in range(12):
        target = int(rng.integers(2))
        jobs.append(
            {
                "target": target,
                "transposed": int(target == 1 and rng.random() < 0.4),
                "restart": int(rng.random() < 0.5 or not any(job["target"] == target for job in jobs)),
                "addr": 8 * int(rng.integers(1 << 20)),
                "stride": 8 * int(rng.integers(1, 100)),
                "rows": int(rng.integers(1, 12)),
                "beats": int(rng.integers(1, 5)),
                "pitch": 4,
                "word": 0,
                "event": target + 1,
                "tiles": int(rng.integers(1, 4)),
            }
        )
    descriptors, events, written = [], [], {0: 0, 1: 0}

    async def send(ctx: Any) -> None:
        for job in jobs:
            await stream_put(ctx, dut.job, job)
            await ctx.tick().repeat(int(rng.choice((1, 1, 20))))

    async def memory(ctx: Any) -> None:
        owed = 0
        while True:
            take, give = bool(rng.random() < 0.7), owed > 0 and bool(rng.random() < 0.7)
            ctx.set(dut.descriptor.ready, take)
            ctx.set(dut.data.valid, give)
            ctx.set(dut.stall_a, bool(rng.random() < 0.2))
            await ctx.delay(1e-10)
            owed -= give and ctx.get(dut.data.ready)
            if take and ctx.get(dut.descriptor.valid):
                payload = ctx.get(dut.descriptor.payload)
                descriptors.append((payload.addr, payload.beats))
                owed += payload.beats
            for side, write in enumerate((dut.a, dut.b)):
                written[side] += ctx.get(write.banks) != 0
            if event := ctx.get(dut.event):
                events.append((event, ctx.get(dut.tiles)))
            await ctx.tick()

    async def wait(ctx: Any) -> None:
        await ctx.tick().repeat(3000)

    simulate(dut, send, wait, background=[memory])
    expected, resume = [], {}
    for job in jobs:
        addr = job["addr"] if job["restart"] else resume[job["target"]]
        expected += [(addr + row * job["stride"], job["beats"]) for row in range(job["rows"])]
        resume[job["target"]] = addr + job["rows"] * job["stride"]
    assert descriptors == expected
    assert events == [(job["event"], job["tiles"]) for job in jobs]
    for side in (0, 1):
        assert written[side] == sum(job["rows"] * job["beats"] for job in jobs if job["target"] == side)
