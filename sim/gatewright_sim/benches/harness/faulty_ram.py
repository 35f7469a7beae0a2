"""cocotbext-axi's AXI memory, made to misbehave: errors, stalls, and channels that hang."""

from __future__ import annotations

from typing import Any

import numpy as np
from cocotbext.axi import AxiBus, AxiResp
from cocotbext.axi.axi_ram import AxiRamRead, AxiRamWrite
from cocotbext.axi.memory import Memory

from gatewright_sim.benches.harness.pauses import FREE, Stalls

__all__ = ["FaultyRam"]


class _Errors:
    """Makes one side of a memory answer accesses to a window of addresses with an error."""

    def __init__(self, side: Any, access: str, channel: Any, field: str) -> None:
        self.response = AxiResp.OKAY
        self.window = range(0)
        do, send = getattr(side, access), channel.send

        async def access_or_fail(address: int, what: Any) -> Any:
            if self.response != AxiResp.OKAY and address in self.window:
                raise ValueError(f"address {address:#x} answers {self.response.name}")
            return await do(address, what)

        async def answer(beat: Any) -> None:
            if getattr(beat, field) == AxiResp.SLVERR:  # which cocotbext-axi says of every access that failed
                setattr(beat, field, self.response)
            await send(beat)

        setattr(side, access, access_or_fail)
        channel.send = answer


class FaultyRam(Memory):
    """A memory of ``size`` bytes, at address 0 and repeated above it."""

    def __init__(self, bus: AxiBus, clock: Any, reset: Any, size: int) -> None:
        super().__init__(size)
        read = AxiRamRead(bus.read, clock, reset, mem=self.mem, size=size)
        write = AxiRamWrite(bus.write, clock, reset, mem=self.mem, size=size)
        self._errors = {
            "read": _Errors(read, "_read", read.r_channel, "rresp"),
            "write": _Errors(write, "_write", write.b_channel, "bresp"),
        }
        self._asked = {"ar": read.ar_channel, "aw": write.aw_channel, "w": write.w_channel}
        self._answers = {"r": read.r_channel, "b": write.b_channel}

    def fail(self, direction: str, response: AxiResp, window: range = range(1 << 32)) -> None:
        """From now on ``direction`` ("read" or "write") accesses in ``window`` are answered with ``response``."""
        errors = self._errors[direction]
        errors.response, errors.window = response, window

    def stall(self, rng: np.random.Generator, stalls: Stalls) -> None:
        """Hold channels back at random from now on, each at times of its own; ends a hang."""
        for channels, pauses in ((self._asked, stalls.backpressure), (self._answers, stalls.idle)):
            for channel in channels.values():
                (own,) = rng.spawn(1)
                channel.set_pause_generator(pauses.generate(own) if pauses.probability else None)
                channel.pause = False

    def flow(self) -> None:
        """Nothing is held back any more."""
        self.stall(np.random.default_rng(0), FREE)

    def hang(self, *names: str) -> None:
        """Stop channels (ar, r, aw, w, b; all when none is named) until the next :meth:`stall` or :meth:`flow`."""
        channels = self._asked | self._answers
        for name in names or channels:
            channels[name].set_pause_generator(None)
            channels[name].pause = True
