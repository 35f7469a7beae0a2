"""A processing system's general-purpose master for cocotb: M_AXI_GP of PS7, M_AXI_HPM of PS8."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cocotb import start_soon
from cocotb.triggers import Event, RisingEdge

from gatewright_sim.benches.harness.signals import Signals

__all__ = ["Access", "GpMaster"]

OUTSTANDING = 8
"""Reads, and writes, that it has open at a time (UG585, "AXI_GP Interfaces": issuing capability)."""
PATIENCE = 4000
"""Cycles in which an access must be answered; the slowest, behind 8 of 16 beats and long pauses, takes a third."""
WORD, INCR = 2, 1
_REQUEST = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")
_FIELDS = {
    "aw": _REQUEST,
    "ar": _REQUEST,
    "w": ("id", "data", "strb", "last"),
    "b": ("id", "resp"),
    "r": ("id", "data", "resp", "last"),
}


@dataclass(eq=False)
class Access:
    """One burst, and what came of it.

    Attributes
    ----------
    beats : of a write, data and strobes; None for a read.
    wid : ID of the write's data (AXI3), ``id`` when None.
    lead : cycles that the data of a write are offered before its address; negative: after.
    data, resp : of a read, a value for each beat; of a write, one response.
    cycles : from its first offer to the end of its answer.
    """

    address: int
    length: int = 0
    size: int = WORD
    burst: int = INCR
    id: int = 0
    lock: int = 0
    beats: Sequence[tuple[int, int]] | None = None
    wid: int | None = None
    lead: int = 0
    data: list[int] = field(default_factory=list)
    resp: list[int] = field(default_factory=list)
    cycles: int = 0
    done: Event = field(default_factory=Event)
    _since: int = -1
    _announced: bool = False


class _Side:
    """Reads, or writes: those to be offered, and those open."""

    def __init__(self) -> None:
        self.queue: deque[Access] = deque()
        self.open: deque[Access] = deque()
        self.offered: Access | None = None


class GpMaster:
    """Offers accesses in the order of the calls, up to OUTSTANDING at a time of each kind, takes answers with pauses at
    random, and fails when one is not answered in time, or wrongly.

    Parameters
    ----------
    dut, prefix : cocotb's handle of the design, and how its port's names begin.
    rng : of the pauses.
    pauses : chance that an answer is not taken in a cycle, and that a request is not offered.

    Attributes
    ----------
    connected : otherwise nothing is offered and nothing is heard.
    """

    def __init__(self, dut: Any, prefix: str, rng: np.random.Generator, pauses: float = 0.3) -> None:
        self.pauses = pauses
        self.connected = False
        self._rng = rng
        self._port = Signals(dut, prefix, _FIELDS)
        self.id_bits, self.lock_bits = self._port.bits("awid"), self._port.bits("awlock")
        self._now = 0
        self._reads, self._writes = _Side(), _Side()
        self._beats: deque[tuple[Access, int]] = deque()  # write data to be offered
        for channel, names in self._port.fields.items():
            for name in ("ready",) if channel in ("r", "b") else (*names, "valid"):
                self._port.set(channel + name, 0)
        start_soon(self._run(RisingEdge(dut.clk)))

    # ---- accesses

    def begin(self, access: Access) -> Access:
        """Queue an access; ``access.done`` is set when it has been answered."""
        side = self._reads if access.beats is None else self._writes
        side.queue.append(access)
        return access

    async def do(self, access: Access) -> Access:
        """Queue an access and wait for its answer."""
        await self.begin(access).done.wait()
        return access

    async def rest(self) -> None:
        """Wait until every access has been answered."""
        for side in (self._reads, self._writes):
            for access in [*side.open, *side.queue]:
                await access.done.wait()

    # ---- the port, cycle by cycle

    def _goes(self) -> bool:
        return bool(self._rng.random() >= self.pauses)

    async def _run(self, edge: RisingEdge) -> None:
        while True:
            await edge
            self._now += 1
            if not self.connected:
                continue
            for channel, side in (("ar", self._reads), ("aw", self._writes)):
                if self._port.shows(f"{channel}valid") and self._port.get(f"{channel}ready"):
                    self._port.set(f"{channel}valid", 0)
                    side.offered = None
            if self._port.shows("wvalid") and self._port.get("wready"):
                self._port.set("wvalid", 0)
                self._beats.popleft()
            self._take_read()
            self._take_write()
            self._drive()

    def _answered_access(self, side: _Side, channel: str, ident: int) -> Access:
        """The oldest access with this ID, which is the one that an answer is for; it must have been taken."""
        found = next((access for access in side.open if access.id == ident), None)
        assert found is not None, f"{channel}: an answer of ID {ident:#x}, which no open access has"
        assert found is not side.offered, f"{channel}: an answer before the address was taken"
        return found

    def _end(self, side: _Side, access: Access) -> None:
        access.cycles = self._now - access._since
        side.open.remove(access)
        access.done.set()

    def _take_read(self) -> None:
        if self._port.shows("rready") and self._port.get("rvalid"):
            access = self._answered_access(self._reads, "r", self._port.get("rid"))
            access.data.append(self._port.get("rdata"))
            access.resp.append(self._port.get("rresp"))
            last = len(access.data) == access.length + 1
            assert self._port.get("rlast") == last, f"r: last is {not last} at beat {len(access.data)} of {access}"
            if last:
                self._end(self._reads, access)

    def _take_write(self) -> None:
        if self._port.shows("bready") and self._port.get("bvalid"):
            access = self._answered_access(self._writes, "b", self._port.get("bid"))
            assert all(access is not pending for pending, _ in self._beats), "b: an answer before all data were taken"
            access.resp.append(self._port.get("bresp"))
            self._end(self._writes, access)

    def _drive(self) -> None:
        for side, channel in ((self._reads, "ar"), (self._writes, "aw")):
            if side.open:
                waited = self._now - side.open[0]._since
                assert waited < PATIENCE, f"{channel}: not answered in {waited} cycles: {side.open[0]}"
            if side.queue and len(side.open) < OUTSTANDING and self._goes():
                access = side.queue.popleft()
                access._since = self._now
                side.open.append(access)
                if access.beats is not None:
                    self._beats.extend((access, number) for number in range(access.length + 1))
        self._offer("ar", self._reads)
        self._offer("aw", self._writes)
        self._offer_data()
        self._port.set("rready", int(self._goes()))
        self._port.set("bready", int(self._goes()))

    def _offer(self, channel: str, side: _Side) -> None:
        """Show the first open access that has not been shown, once its time has come."""
        if side.offered is not None:
            return
        access = next((access for access in side.open if not access._announced), None)
        if access is None or self._now < access._since + max(0, access.lead):
            return
        access._announced = True
        side.offered = access
        fields = {"id": access.id, "addr": access.address, "len": access.length, "size": access.size}
        fields |= {"burst": access.burst, "lock": access.lock, "valid": 1}
        for name, value in fields.items():
            self._port.set(channel + name, value)

    def _offer_data(self) -> None:
        if self._port.shows("wvalid") or not self._beats or not self._goes():
            return
        access, number = self._beats[0]
        if self._now < access._since + max(0, -access.lead):
            return
        assert access.beats is not None
        data, strobes = access.beats[number]
        fields = {"data": data, "strb": strobes, "last": int(number == access.length), "valid": 1}
        if "id" in self._port.fields["w"]:
            fields["id"] = access.id if access.wid is None else access.wid
        for name, value in fields.items():
            self._port.set(f"w{name}", value)
