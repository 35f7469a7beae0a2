"""Accesses to an AXI4-Lite slave in Amaranth's simulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from amaranth.sim import SimulatorContext

from gatewright_hw.bus.axi import Resp
from gatewright_sim.components.simulation import Testbench

__all__ = ["axi_lite_read", "axi_lite_write", "lite_sink", "lite_source"]


async def axi_lite_write(ctx: SimulatorContext, bus: Any, offset: int, value: int, strobes: int = 0xF) -> None:
    """Write a word, address and data together. Returns in the cycle of the answer, which must be OKAY."""
    for name, content in (("awaddr", offset), ("awvalid", 1), ("wdata", value), ("wstrb", strobes), ("wvalid", 1)):
        ctx.set(getattr(bus, name), content)
    await ctx.tick().until(bus.awready)
    ctx.set(bus.awvalid, 0)
    ctx.set(bus.wvalid, 0)
    assert ctx.get(bus.bvalid)
    assert ctx.get(bus.bresp) == Resp.OKAY
    ctx.set(bus.bready, 1)


async def axi_lite_read(ctx: SimulatorContext, bus: Any, offset: int) -> int:
    """The word at ``offset``. Returns in the cycle of the answer, which must be OKAY."""
    ctx.set(bus.araddr, offset)
    ctx.set(bus.arvalid, 1)
    ctx.set(bus.rready, 1)
    await ctx.tick().until(bus.arready)
    ctx.set(bus.arvalid, 0)
    assert ctx.get(bus.rvalid)
    assert ctx.get(bus.rresp) == Resp.OKAY
    return int(ctx.get(bus.rdata))


def lite_source(bus: Any, channel: str, beats: Iterable[Mapping[str, int]], pauses: Iterable[int]) -> Testbench:
    """A testbench that offers ``beats`` on ar, aw or w, whatever the other channels do, and idles for one of ``pauses``
    after each."""

    async def testbench(ctx: SimulatorContext) -> None:
        for beat, pause in zip(beats, pauses, strict=False):
            for field, value in beat.items():
                ctx.set(getattr(bus, channel + field), value)
            ctx.set(getattr(bus, f"{channel}valid"), 1)
            await ctx.tick().until(getattr(bus, f"{channel}ready"))
            ctx.set(getattr(bus, f"{channel}valid"), 0)
            if pause:
                await ctx.tick().repeat(pause)

    return testbench


def lite_sink(bus: Any, channel: str, count: int, rng: np.random.Generator, probability: float) -> Testbench:
    """A testbench that takes ``count`` answers on r or b, in each cycle with ``probability``; another one fails."""

    async def testbench(ctx: SimulatorContext) -> None:
        valid, taken = getattr(bus, f"{channel}valid"), 0
        while taken < count:
            ready = bool(rng.random() < probability)
            ctx.set(getattr(bus, f"{channel}ready"), ready)
            *_, there = await ctx.tick().sample(valid)
            taken += there and ready
        ctx.set(getattr(bus, f"{channel}ready"), 1)
        (there,) = await ctx.tick().sample(valid).repeat(20)
        assert not there, f"{channel}: more answers than accesses"

    return testbench
