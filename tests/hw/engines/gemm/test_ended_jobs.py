"""EndedJobs: a job has ended when each of its parts has."""

from typing import Any

import numpy as np
import pytest

from gatewright_hw.engines.gemm.ended_jobs import EndedJobs
from gatewright_hw.engines.gemm.geometry import Event
from gatewright_sim.components.simulation import simulate

AHEAD = 5


@pytest.mark.parametrize("loaders", [2, 4])
@pytest.mark.parametrize("often", [0.1, 0.9])
def test_the_last_part_ends_a_job(loaders: int, often: float, rng: np.random.Generator) -> None:
    """Parts end in order, of some loaders up to AHEAD jobs before others; the job a cycle after its last one."""
    dut = EndedJobs(loaders, AHEAD)
    jobs = [(int(rng.integers(len(Event))), int(rng.integers(1, 5))) for _ in range(60)]
    ended = [0] * loaders
    found: list[tuple[int, int, int]] = []
    last: dict[int, int] = {}  # cycle in which a job's last part ended

    async def bench(ctx: Any) -> None:
        cycle = 0
        while len(found) < len(jobs):
            slowest = min(ended)
            for loader, part in enumerate(dut.parts):
                now = ended[loader]
                goes = now < len(jobs) and now - slowest < AHEAD and rng.random() < often
                event, tiles = jobs[min(now, len(jobs) - 1)]
                ctx.set(part, {"valid": int(goes), "event": event, "tiles": tiles})
                ended[loader] += goes
            for job in range(slowest, min(ended)):
                last[job] = cycle
            if ctx.get(dut.whole.valid):
                found.append((ctx.get(dut.whole.event), ctx.get(dut.whole.tiles), cycle))
            await ctx.tick()
            cycle += 1

    simulate(dut, bench)
    assert [(event, tiles) for event, tiles, _ in found] == jobs
    assert all(last[job] < cycle <= last[job] + 2 for job, (_, _, cycle) in enumerate(found))
