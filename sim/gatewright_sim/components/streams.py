"""Putting payloads on a stream and getting them from one, with pauses on either side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

import numpy as np
from amaranth.sim import SimulatorContext

from gatewright_sim.components.simulation import Testbench

__all__ = ["get_all", "put_all", "random_pauses", "stream_get", "stream_put"]


async def stream_put(ctx: SimulatorContext, stream: Any, payload: Any) -> None:
    """Offer ``payload`` until it is taken. Calls that follow each other without a tick keep the full rate."""
    ctx.set(stream.payload, payload)
    ctx.set(stream.valid, 1)
    await ctx.tick().until(stream.ready)
    ctx.set(stream.valid, 0)


async def stream_get(ctx: SimulatorContext, stream: Any) -> Any:
    """The next payload. Calls that follow each other without a tick keep the full rate."""
    ctx.set(stream.ready, 1)
    (payload,) = await ctx.tick().sample(stream.payload).until(stream.valid)
    ctx.set(stream.ready, 0)
    return payload


def random_pauses(rng: np.random.Generator, *lengths: int) -> Iterator[int]:
    """Pauses in cycles without end, each one of ``lengths``; a length that is named twice comes twice as often."""
    while True:
        yield int(rng.choice(lengths))


async def _pause(ctx: SimulatorContext, cycles: int) -> None:
    if cycles:
        await ctx.tick().repeat(cycles)


def put_all(stream: Any, payloads: Iterable[Any], pauses: Iterable[int] = repeat(0)) -> Testbench:
    """A testbench that puts ``payloads`` on ``stream`` and idles for one of ``pauses`` after each."""

    async def testbench(ctx: SimulatorContext) -> None:
        for payload, cycles in zip(payloads, pauses, strict=False):
            await stream_put(ctx, stream, payload)
            await _pause(ctx, cycles)

    return testbench


def get_all(stream: Any, count: int, taken: list[Any], pauses: Iterable[int] = repeat(0)) -> Testbench:
    """A testbench that appends ``count`` payloads of ``stream`` to ``taken`` and holds back for one of ``pauses`` after
    each."""

    async def testbench(ctx: SimulatorContext) -> None:
        for _, cycles in zip(range(count), pauses, strict=False):
            taken.append(await stream_get(ctx, stream))
            await _pause(ctx, cycles)

    return testbench
