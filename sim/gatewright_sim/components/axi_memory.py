"""A memory on an AXI4 bus for Amaranth's simulator, with pauses at random and error responses."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from amaranth.sim import SimulatorContext

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.axi import Resp

__all__ = ["AxiMemory"]


class AxiMemory:
    """A byte memory on an AXI4 master's bus.

    Parameters
    ----------
    axi : the master's Axi4 interface.
    content : what the memory holds.
    rng : of the pauses.
    response, bad : accesses to the addresses in ``bad`` are answered with ``response``, and take place all the same.

    Attributes
    ----------
    data : what it holds now.
    bursts : every burst (``ar`` or ``aw``, address, beats), in order.
    stalled : nothing is taken while it is True.
    """

    def __init__(
        self,
        axi: Any,
        content: bytes,
        rng: np.random.Generator,
        response: Resp = Resp.OKAY,
        bad: range = range(0),
    ) -> None:
        self.data = bytearray(content)
        self.bursts: list[tuple[str, int, int]] = []
        self.stalled = False
        self._axi = axi
        self._rng = rng
        self._response = response
        self._bad = bad

    def _ready(self) -> bool:
        return not self.stalled and bool(self._rng.random() < 0.7)

    def _places(self, ctx: SimulatorContext, channel: str) -> list[int]:
        """Addresses of the beats of the burst on an address channel; asserts that it is as AXI and the port want it."""
        fields = {name: ctx.get(getattr(self._axi, channel + name)) for name in ("addr", "len", "size", "burst", "id")}
        assert (fields["size"], fields["burst"], fields["id"]) == (3, 1, 0)
        self.bursts.append((channel, fields["addr"], fields["len"] + 1))
        return [fields["addr"] + BUS_BYTES * beat for beat in range(fields["len"] + 1)]

    def _answer(self, place: int) -> Resp:
        return self._response if place in self._bad else Resp.OKAY

    async def reads(self, ctx: SimulatorContext) -> None:
        """A background testbench that answers reads."""
        axi, queue = self._axi, deque[tuple[int, bool]]()
        while True:
            ctx.set(axi.arready, self._ready())
            ctx.set(axi.rvalid, bool(queue) and (ctx.get(axi.rvalid) or self._ready()))
            if ctx.get(axi.arvalid) and ctx.get(axi.arready):
                places = self._places(ctx, "ar")
                queue.extend((place, place == places[-1]) for place in places)
            if ctx.get(axi.rvalid):
                place, last = queue[0]
                ctx.set(axi.rdata, int.from_bytes(self.data[place : place + BUS_BYTES], "little"))
                ctx.set(axi.rresp, self._answer(place))
                ctx.set(axi.rlast, last)
                if ctx.get(axi.rready):
                    queue.popleft()
                    await ctx.tick()
                    ctx.set(axi.rvalid, 0)
                    continue
            await ctx.tick()

    async def writes(self, ctx: SimulatorContext) -> None:
        """A background testbench that takes writes. A beat that comes before its burst fails."""
        axi, places, answers = self._axi, deque[tuple[int, bool]](), deque[Resp]()
        while True:
            ctx.set(axi.awready, self._ready())
            ctx.set(axi.wready, self._ready())
            ctx.set(axi.bvalid, bool(answers) and self._ready())
            if ctx.get(axi.bvalid):
                ctx.set(axi.bresp, answers.popleft())
                assert ctx.get(axi.bready)
            if ctx.get(axi.wvalid) and ctx.get(axi.wready):
                place, last = places.popleft()  # a beat never comes before its burst
                assert ctx.get(axi.wlast) == last
                for lane in range(BUS_BYTES):
                    if ctx.get(axi.wstrb) >> lane & 1:
                        self.data[place + lane] = ctx.get(axi.wdata) >> 8 * lane & 0xFF
                if last:
                    answers.append(self._answer(place))
            if ctx.get(axi.awvalid) and ctx.get(axi.awready):
                burst = self._places(ctx, "aw")
                places.extend((place, place == burst[-1]) for place in burst)
            await ctx.tick()
