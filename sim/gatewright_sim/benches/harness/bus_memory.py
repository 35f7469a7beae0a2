"""A memory on the accelerator's bus, for cocotb: of any latency from none on, each channel held back at times of its
own, with error responses and hangs; it holds the bus to AXI's rules."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from cocotb import start_soon
from cocotb.triggers import RisingEdge

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.axi import Resp
from gatewright_sim.benches.harness.bus_port import FIXED, BusPort
from gatewright_sim.benches.harness.pauses import CHANNELS, FREE, Stalls
from gatewright_sim.bursts import check_burst

__all__ = ["Burst", "BusMemory"]

STARVED = 3
"""Cycles in a row in which a burst that was announced has no beat for a memory that would take one: those of the
master's registers behind its address."""


@dataclass
class Burst:
    """One burst that was taken: beats left, from ``address`` on; ``ready_at``, the cycle of its answer, once that is on
    its way; ``resp``, the answer to a write."""

    id: int
    address: int
    left: int
    ready_at: int | None = None
    resp: Resp = Resp.OKAY


class BusMemory:
    """Answers bursts in their order and checks each channel: a payload that waits stays, bursts are legal, write data
    follows its address and does not wait for its producer, and each burst's last beat says so.

    Parameters
    ----------
    dut, prefix : cocotb's handle of the design, with ``clk``, and how its port's names begin.
    size : bytes of memory, at address 0 and repeated above it.
    reset : its reset, which makes the memory forget every burst; None if it has none.
    content : another port of the same memory, if any: bytes and failing windows are that one's.

    Attributes
    ----------
    bursts : reads and writes taken so far.
    most_reads : most reads that were open at a time.
    on_burst : is told each burst's channel, byte address and beats.
    starved : cycles in a row that a write's data may be late, though its address was there.
    """

    starved = STARVED

    def __init__(self, dut: Any, prefix: str, size: int, reset: Any = None, content: BusMemory | None = None) -> None:
        self.size = size
        self.bursts = self.most_reads = 0
        self.on_burst: Callable[[str, int, int], None] | None = None
        self._bytes: bytearray = content._bytes if content else bytearray(size)
        self._reset = reset
        self._port = BusPort(dut, prefix)
        self._pauses: dict[str, Iterator[bool]] = {}
        self._hung: set[str] = set()
        self._failing: dict[str, list[tuple[Resp, range]]] = content._failing if content else {"read": [], "write": []}
        self._latency = 0
        self._now = 0
        self.flow()
        self.forget()
        start_soon(self._run(RisingEdge(dut.clk)))

    @property
    def open_bursts(self) -> int:
        """Bursts that were taken and are not answered whole."""
        return len(self._reads) + len(self._writes)

    # ---- content

    def read(self, address: int, length: int) -> bytes:
        """``length`` bytes at ``address``."""
        address %= self.size
        return bytes(self._bytes[address : address + length])

    def write(self, address: int, data: bytes) -> None:
        """Set the bytes at ``address``."""
        address %= self.size
        self._bytes[address : address + len(data)] = data

    # ---- behaviour

    def fail(self, direction: str, response: Resp, window: range = range(1 << 32)) -> None:
        """From now on accesses in ``direction`` ("read" or "write") to beats that begin in ``window`` are answered with
        ``response``, and change nothing; earlier windows stay. OKAY ends them all."""
        windows = self._failing[direction]
        if response is Resp.OKAY:
            windows.clear()
        else:
            windows.append((response, window))

    def stall(self, rng: np.random.Generator, stalls: Stalls) -> None:
        """Hold channels back at random from now on, each at times of its own; ends a hang."""
        self._hung.clear()
        self._latency = stalls.latency
        self._pauses = {
            channel: stalls.of(channel).generate(own)
            for channel, own in zip(CHANNELS, rng.spawn(len(CHANNELS)), strict=True)
            if stalls.of(channel).probability
        }

    def flow(self) -> None:
        """Nothing is held back any more."""
        self.stall(np.random.default_rng(0), FREE)

    def hang(self, *names: str) -> None:
        """Stop channels (ar, r, aw, w, b; all when none is named) until the next :meth:`stall` or :meth:`flow`."""
        self._hung = set(names or CHANNELS)

    def forget(self) -> None:
        """Drop every burst."""
        self._reads, self._writes = deque[Burst](), deque[Burst]()
        self._starved = 0
        self._port.rest()

    # ---- the port, cycle by cycle

    def _goes(self, channel: str) -> bool:
        pauses = self._pauses.get(channel)
        return channel not in self._hung and not (pauses and next(pauses))

    async def _run(self, edge: RisingEdge) -> None:
        while True:
            await edge
            self._now += 1
            if self._reset is not None and self._reset.value == 1:
                self.forget()
                continue
            self._cycle()

    def _cycle(self) -> None:
        self._take_requests("ar", self._reads)
        self._take_requests("aw", self._writes)
        self._take_data()
        self._take_answers()
        self._port.set("arready", int(self._goes("ar")))
        self._port.set("awready", int(self._goes("aw")))
        self._port.set("wready", int(self._goes("w")))
        self._answer()

    def _take_requests(self, channel: str, queue: deque[Burst]) -> None:
        fields = self._port.taken(channel)
        if fields is None:
            return
        wrong = {name: fields[name] for name in FIXED if fields.get(name, FIXED[name]) != FIXED[name]}
        assert not wrong, f"{channel}: {wrong}, expected {FIXED}"
        check_burst(fields["addr"], fields["len"] + 1)
        self.bursts += 1
        if self.on_burst:
            self.on_burst(channel, fields["addr"], fields["len"] + 1)
        queue.append(Burst(fields["id"], fields["addr"], fields["len"] + 1))
        self.most_reads = max(self.most_reads, len(self._reads))

    def _take_data(self) -> None:
        self._check_starved()
        beat = self._port.taken("w")
        if beat is not None:
            burst = next((burst for burst in self._writes if burst.left), None)
            assert burst is not None, "w: data of no burst"
            self._take_beat(burst, beat)

    def _check_starved(self) -> None:
        """Asserts that a write does not wait for whoever makes its data, once it is announced."""
        announced = any(burst.left for burst in self._writes)
        starved = announced and self._port.shows("wready") and not self._port.get("wvalid")
        self._starved = self._starved + 1 if starved else 0
        most = self.starved
        assert self._starved <= most, f"w: no data for {self._starved} cycles, but the address of {self._writes[0]}"

    def _take_beat(self, burst: Burst, beat: dict[str, int]) -> None:
        burst.left -= 1
        assert beat["last"] == (burst.left == 0), f"w: last is {beat['last']}, {burst.left} beats are left"
        resp = self._response("write", burst.address)
        if resp is Resp.OKAY:
            place, strobes = burst.address % self.size, beat["strb"]
            for lane, byte in enumerate(beat["data"].to_bytes(BUS_BYTES, "little")):
                if strobes >> lane & 1:
                    self._bytes[place + lane] = byte
        burst.resp = max(burst.resp, resp)
        burst.address += BUS_BYTES
        if not burst.left:
            burst.ready_at = self._now + self._access_time()

    def _response(self, direction: str, address: int) -> Resp:
        return next((resp for resp, window in self._failing[direction] if address in window), Resp.OKAY)

    def _access_time(self) -> int:
        """Cycles from a burst to its answer, besides the one that AXI wants."""
        return self._latency

    def _take_answers(self) -> None:
        if self._port.answered("r"):
            burst = self._reads[0]
            burst.left -= 1
            burst.address += BUS_BYTES
            if not burst.left:
                self._reads.popleft()
        if self._port.answered("b"):
            self._writes.popleft()

    def _due(self, queue: deque[Burst]) -> Burst | None:
        """The burst that may be answered in the next cycle."""
        burst = queue[0] if queue else None
        return burst if burst and burst.ready_at is not None and burst.ready_at <= self._now else None

    def _issue(self) -> None:
        """Reads set off for the memory."""
        for burst in self._reads:
            if burst.ready_at is None:
                burst.ready_at = self._now + self._access_time()

    def _answer(self) -> None:
        self._issue()
        if not self._port.shows("rvalid") and self._goes("r") and (burst := self._due(self._reads)):
            place, resp = burst.address % self.size, self._response("read", burst.address)
            data = int.from_bytes(self._bytes[place : place + BUS_BYTES], "little") if resp is Resp.OKAY else 0
            self._port.answer("r", id=burst.id, data=data, resp=resp, last=burst.left == 1)
        if not self._port.shows("bvalid") and self._goes("b") and (burst := self._due(self._writes)):
            self._port.answer("b", id=burst.id, resp=burst.resp)
