"""Driving the control of the gemm engine: what makes the loads and the tiles of a command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from amaranth.sim import SimulatorContext

from gatewright_hw.engines.gemm.geometry import SETUP_CYCLES, Event
from gatewright_sim.components.simulation import simulate

__all__ = ["begin_command", "take_loads"]


async def begin_command(ctx: SimulatorContext, control: Any, command: bytes) -> None:
    """Have a part with the members ``command`` and ``start`` begin a command."""
    ctx.set(control.command, int.from_bytes(command, "little"))
    await ctx.tick().repeat(SETUP_CYCLES)
    ctx.set(control.start, 1)
    await ctx.tick()
    ctx.set(control.start, 0)


def take_loads(
    control: Any, command: bytes, count: int, capacity: Mapping[Event, int], rng: np.random.Generator
) -> list[tuple[int, Any]]:
    """All loads of a command, taken with pauses while what they brought is released at random.

    Parameters
    ----------
    control : a part with a ``LoadsSignature``.
    count : how many loads are expected; one more fails.
    capacity : most tiles that may be here, between their load and their release, for Event.A and Event.B.

    Returns
    -------
    Of each load its address, also where it goes on from the target's last one, and its job.
    """
    here = dict.fromkeys(capacity, 0)
    resume: dict[int, int] = {}
    loads: list[tuple[int, Any]] = []

    async def testbench(ctx: SimulatorContext) -> None:
        await begin_command(ctx, control, command)
        while len(loads) < count:
            ctx.set(control.job.ready, bool(rng.random() < 0.7))
            for event, release in ((Event.A, control.release_a), (Event.B, control.release_b)):
                free = here[event] > 0 and bool(rng.random() < 0.1)
                ctx.set(release, free)
                here[event] -= free
            if ctx.get(control.job.valid) and ctx.get(control.job.ready):
                job = ctx.get(control.job.payload)
                address = job.addr if job.restart else resume[job.target]
                resume[job.target] = address + job.rows * job.stride
                loads.append((address, job))
                if job.event in here:
                    here[Event(job.event)] += job.tiles
                    assert here[Event(job.event)] <= capacity[Event(job.event)], "a load without room for it"
            await ctx.tick()
        ctx.set(control.job.ready, 1)
        (valid,) = await ctx.tick().sample(control.job.valid).repeat(20)
        assert not valid, "more loads than expected"

    simulate(control, testbench)
    return loads
