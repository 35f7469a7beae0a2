"""Accesses to an AXI3 or AXI4 slave with 32 bits of data in Amaranth's simulator, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.sim import SimulatorContext

__all__ = ["Answer", "axi_read", "axi_write"]

INCR, WORD = 1, 2


@dataclass(frozen=True)
class Answer:
    """What came back, and how many cycles after it was asked."""

    id: int
    data: list[int]
    resp: list[int]
    cycles: int


def _request(ctx: SimulatorContext, port: Any, channel: str, fields: Mapping[str, int]) -> None:
    for name, value in ({"size": WORD, "burst": INCR, "len": 0} | dict(fields) | {"valid": 1}).items():
        ctx.set(getattr(port, f"{channel}{name}"), value)


async def axi_read(ctx: SimulatorContext, port: Any, **fields: int) -> Answer:
    """A read burst: ``addr``, and what is not as in a read of one word. Asserts that ``rlast`` is with the last
    beat alone."""
    _request(ctx, port, "ar", fields)
    ctx.set(port.rready, 1)
    left = ctx.get(port.arlen) + 1
    data, resp, cycles, ident = [], [], 0, 0
    while left:
        accepted = ctx.get(port.arready)
        if ctx.get(port.rvalid):
            left -= 1
            data.append(ctx.get(port.rdata))
            resp.append(ctx.get(port.rresp))
            ident = ctx.get(port.rid)
            assert ctx.get(port.rlast) == (left == 0)
        await ctx.tick()
        cycles += 1
        if accepted:
            ctx.set(port.arvalid, 0)
    ctx.set(port.rready, 0)
    return Answer(ident, data, resp, cycles)


async def axi_write(
    ctx: SimulatorContext, port: Any, beats: Sequence[tuple[int, int]], *, lead: int = 0, **fields: int
) -> Answer:
    """A write burst: ``addr``, what is not as in a write of words, and data with strobes for each beat, which are
    offered ``lead`` cycles before the address, or after it when it is negative."""
    fields = {"len": len(beats) - 1, **fields}
    queue = list(beats)
    ctx.set(port.bready, 1)
    cycle, announced = min(0, lead), False
    while True:
        if cycle >= lead and not announced:
            _request(ctx, port, "aw", fields)
            announced = True
        if cycle >= 0 and queue:
            ctx.set(port.wdata, queue[0][0])
            ctx.set(port.wstrb, queue[0][1])
            ctx.set(port.wlast, len(queue) == 1)
        ctx.set(port.wvalid, cycle >= 0 and bool(queue))
        accepted, taken = ctx.get(port.awready), ctx.get(port.wvalid) and ctx.get(port.wready)
        answered = ctx.get(port.bvalid)
        answer = Answer(ctx.get(port.bid), [], [ctx.get(port.bresp)], cycle + 1)
        await ctx.tick()
        cycle += 1
        if accepted and announced:
            ctx.set(port.awvalid, 0)
        if taken:
            del queue[0]
        if answered:
            ctx.set(port.bready, 0)
            return answer
