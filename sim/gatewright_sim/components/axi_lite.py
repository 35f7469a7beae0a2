"""Accesses to an AXI4-Lite slave in Amaranth's simulator."""

from __future__ import annotations

from typing import Any

from amaranth.sim import SimulatorContext

from gatewright_hw.bus.axi import Resp

__all__ = ["axi_lite_read", "axi_lite_write"]


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
