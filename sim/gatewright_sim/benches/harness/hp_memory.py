"""A memory behind a processing system's memory port, for cocotb: what S_AXI_HP of PS7 and PS8 take, and when."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from cocotb import start_soon
from cocotb.triggers import RisingEdge

from gatewright.spec.memory import BUS_BYTES
from gatewright_sim.benches.harness.pauses import FREE, Stalls
from gatewright_sim.bursts import check_burst

__all__ = ["HpMemory"]

ACCEPTED_READS, ACCEPTED_WRITES, ISSUED = 14, 8, 8
"""Commands that the port takes, of 16 beats each, and those of them that are on their way to the memory at a time
(UG585, AFI_RDCHAN_ISSUINGCAP and AFI_WRCHAN_ISSUINGCAP: reset value 7, which is 8 commands)."""
STARVED = 8
"""Cycles in a row in which a port may wait for the data of a write that it has taken: all ports of the memory wait
with it (UG585, "Write FIFO Store and Forward")."""
FIXED = {"size": 3, "burst": 1, "lock": 0, "cache": 0b0011, "prot": 0, "qos": 0}
"""What each request says besides ID, address and length."""
REQUEST = ("id", "addr", "len", *FIXED)


@dataclass
class _Burst:
    """One burst that was taken; ``ready_at``: the cycle of its answer, once it is on its way."""

    id: int
    address: int
    left: int
    ready_at: int | None = None


class HpMemory:
    """Answers bursts in their order, with a latency at random, and checks each against the port's rules: IDs, on write
    data as well (AXI3); lengths, sizes, 4 KiB; a payload that waits stays; a write that was announced is not left
    without its data. Write data may come before their address.

    Parameters
    ----------
    dut, prefix : cocotb's handle of the design, and how its port's names begin.
    size : bytes of memory, at address 0 and repeated above it.
    rng : of latencies and pauses.
    latency : first and last of the cycles that an access to the memory takes.

    Attributes
    ----------
    bursts : reads and writes taken so far.
    connected : otherwise the port hears nothing, as while the fabric is configured (level shifters are off).
    """

    def __init__(
        self, dut: Any, prefix: str, size: int, rng: np.random.Generator, latency: tuple[int, int] = (8, 50)
    ) -> None:
        self.size = size
        self.bursts = 0
        self.connected = False
        self._bytes = bytearray(size)
        self._rng = rng
        self._latency = latency
        self._has_wid = hasattr(dut, f"{prefix}_wid")
        channels = {"aw": (*REQUEST, "valid", "ready"), "ar": (*REQUEST, "valid", "ready")}
        channels |= {"w": ("data", "strb", "last", "valid", "ready"), "b": ("id", "resp", "valid", "ready")}
        channels |= {"r": ("id", "data", "resp", "last", "valid", "ready")}
        if self._has_wid:
            channels["w"] = ("id", *channels["w"])
        self._port = {
            f"{c}{name}": getattr(dut, f"{prefix}_{c}{name}") for c, names in channels.items() for name in names
        }
        self._shown: dict[str, int] = {}
        self._pauses: dict[str, Iterator[bool]] = {}
        self._hung: set[str] = set()
        self._waiting: dict[str, tuple[int, ...]] = {}
        self._now = 0
        self.forget()
        start_soon(self._run(RisingEdge(dut.clk)))

    # ---- content

    def read(self, address: int, length: int) -> bytes:
        """``length`` bytes at ``address``."""
        return bytes(self._bytes[address : address + length])

    def write(self, address: int, data: bytes) -> None:
        """Set the bytes at ``address``."""
        self._bytes[address : address + len(data)] = data

    # ---- behaviour

    def stall(self, rng: np.random.Generator, stalls: Stalls) -> None:
        """Hold channels back at random from now on, each at times of its own; ends a hang."""
        self._hung.clear()
        for channel in ("ar", "aw", "w", "r", "b"):
            pauses = stalls.idle if channel in "rb" else stalls.backpressure
            (own,) = rng.spawn(1)
            self._pauses[channel] = pauses.generate(own)

    def flow(self) -> None:
        """Nothing is held back any more."""
        self.stall(self._rng, FREE)

    def hang(self, *names: str) -> None:
        """Stop channels (ar, r, aw, w, b; all when none is named) until the next :meth:`stall` or :meth:`flow`."""
        self._hung = set(names or ("ar", "r", "aw", "w", "b"))

    def forget(self) -> None:
        """Drop every burst."""
        self._reads, self._writes = deque[_Burst](), deque[_Burst]()
        self._early: deque[tuple[int, int, int, int]] = deque()  # beats that no burst has been announced for
        self._waiting.clear()
        self._starved = 0
        for name in ("arready", "awready", "wready", "rvalid", "bvalid"):
            self._set(name, 0)
        self.flow()

    # ---- the port, cycle by cycle

    def _get(self, name: str) -> int:
        return int(self._port[name].value)

    def _set(self, name: str, value: int) -> None:
        if self._shown.get(name) != value:
            self._shown[name] = value
            self._port[name].value = value

    def _goes(self, channel: str) -> bool:
        return channel not in self._hung and not next(self._pauses[channel])

    async def _run(self, edge: RisingEdge) -> None:
        while True:
            await edge
            self._now += 1
            if not self.connected:
                continue
            self._take_requests()
            self._take_data()
            self._take_answers()
            self._drive()

    def _crosses(self, channel: str, names: tuple[str, ...]) -> tuple[int, ...] | None:
        """What crosses a channel in the direction of the memory in this cycle; a payload that waits must stay."""
        if not self._get(f"{channel}valid"):
            assert channel not in self._waiting, f"{channel}: valid was withdrawn before ready"
            return None
        payload = tuple(self._get(channel + name) for name in names)
        assert self._waiting.pop(channel, payload) == payload, f"{channel}: the payload changed before ready"
        if self._shown[f"{channel}ready"]:
            return payload
        self._waiting[channel] = payload
        return None

    def _take_requests(self) -> None:
        for channel, queue in (("ar", self._reads), ("aw", self._writes)):
            payload = self._crosses(channel, REQUEST)
            if payload is not None:
                fields = dict(zip(REQUEST, payload, strict=True))
                assert {name: fields[name] for name in FIXED} == FIXED, f"{channel}: {fields}"
                check_burst(fields["addr"], fields["len"] + 1)
                queue.append(_Burst(fields["id"], fields["addr"], fields["len"] + 1))
                self.bursts += 1

    def _take_data(self) -> None:
        starved = self._shown["wready"] and any(burst.left for burst in self._writes) and not self._get("wvalid")
        self._starved = self._starved + 1 if starved else 0
        assert self._starved <= STARVED, f"w: no data for {self._starved} cycles, but the address of {self._writes[0]}"
        beat = self._crosses("w", (*(("id",) if self._has_wid else ()), "data", "strb", "last"))
        if beat is not None:
            self._early.append(beat if self._has_wid else (0, *beat))  # type: ignore[arg-type]
        burst = next((burst for burst in self._writes if burst.left), None)
        while self._early and burst is not None:
            ident, data, strobes, last = self._early.popleft()
            assert ident == burst.id or not self._has_wid, f"w: ID {ident} in a burst of ID {burst.id}"
            burst.left -= 1
            assert last == (burst.left == 0), f"w: last is {last}, {burst.left} beats are left"
            for lane in range(BUS_BYTES):
                if strobes >> lane & 1:
                    self._bytes[(burst.address + lane) % self.size] = data >> 8 * lane & 0xFF
            burst.address += BUS_BYTES
            if not burst.left:
                burst.ready_at = self._now + int(self._rng.integers(*self._latency))
                burst = next((burst for burst in self._writes if burst.left), None)

    def _take_answers(self) -> None:
        if self._shown["rvalid"] and self._get("rready"):
            burst = self._reads[0]
            burst.left -= 1
            burst.address += BUS_BYTES
            if not burst.left:
                self._reads.popleft()
            self._set("rvalid", 0)
        if self._shown["bvalid"] and self._get("bready"):
            self._writes.popleft()
            self._set("bvalid", 0)

    def _drive(self) -> None:
        for burst in list(self._reads)[:ISSUED]:
            if burst.ready_at is None:
                burst.ready_at = self._now + int(self._rng.integers(*self._latency))
        self._set("arready", int(len(self._reads) < ACCEPTED_READS and self._goes("ar")))
        self._set("awready", int(len(self._writes) < ACCEPTED_WRITES and self._goes("aw")))
        self._set("wready", int(self._goes("w")))
        if not self._shown["rvalid"] and self._reads and self._goes("r"):
            burst = self._reads[0]
            if burst.ready_at is not None and burst.ready_at <= self._now:
                place = burst.address % self.size
                beat = {"id": burst.id, "data": int.from_bytes(self._bytes[place : place + BUS_BYTES], "little")}
                for name, value in {**beat, "resp": 0, "last": burst.left == 1, "valid": 1}.items():
                    self._set(f"r{name}", int(value))
        if not self._shown["bvalid"] and self._writes and self._goes("b"):
            burst = self._writes[0]
            if burst.ready_at is not None and burst.ready_at <= self._now:
                for name, value in {"id": burst.id, "resp": 0, "valid": 1}.items():
                    self._set(f"b{name}", value)
