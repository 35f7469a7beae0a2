"""A memory behind a processing system's memory port, for cocotb: what S_AXI_HP of PS7 and PS8 take, and when."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any

import numpy as np

from gatewright_sim.benches.harness.bus_memory import BusMemory

__all__ = ["HpMemory"]

ACCEPTED_READS, ACCEPTED_WRITES, ISSUED = 14, 8, 8
"""Commands that the port takes, of 16 beats each, and those of them that are on their way to the memory at a time
(UG585, AFI_RDCHAN_ISSUINGCAP and AFI_WRCHAN_ISSUINGCAP: reset value 7, which is 8 commands)."""
STARVED = 8
"""Cycles in a row in which a port may wait for the data of a write that it has taken: all ports of the memory wait
with it (UG585, "Write FIFO Store and Forward")."""


class HpMemory(BusMemory):
    """Takes as many bursts as the port does, with a latency at random, and checks each against the port's rules as
    well: IDs, also on write data (AXI3); a write that was announced is not left without its data. Write data may come
    before their address.

    Parameters
    ----------
    dut, prefix, size, content : see :class:`BusMemory`.
    rng : of latencies.
    latency : first and last of the cycles that an access to the memory takes.

    Attributes
    ----------
    connected : otherwise the port hears nothing, as while the fabric is configured (level shifters are off).
    """

    starved = STARVED

    def __init__(
        self,
        dut: Any,
        prefix: str,
        size: int,
        rng: np.random.Generator,
        latency: tuple[int, int] = (8, 50),
        content: HpMemory | None = None,
    ) -> None:
        self.connected = False
        self._rng = rng
        self._range = latency
        super().__init__(dut, prefix, size, content=content)

    def forget(self) -> None:
        super().forget()
        self._early: deque[dict[str, int]] = deque()  # beats that no burst has been announced for
        self.flow()

    def _cycle(self) -> None:
        if self.connected:
            super()._cycle()

    def _access_time(self) -> int:
        return self._latency + int(self._rng.integers(*self._range))

    def _accepts(self, channel: str) -> bool:
        queue, most = {"ar": (self._reads, ACCEPTED_READS), "aw": (self._writes, ACCEPTED_WRITES)}.get(channel, ((), 1))
        return len(queue) < most

    def _goes(self, channel: str) -> bool:
        return self._accepts(channel) and super()._goes(channel)

    def _issue(self) -> None:
        for burst in islice(self._reads, ISSUED):
            if burst.ready_at is None:
                burst.ready_at = self._now + self._access_time()

    def _take_data(self) -> None:
        self._check_starved()
        beat = self._port.taken("w")
        if beat is not None:
            self._early.append(beat)
        while self._early and (burst := next((burst for burst in self._writes if burst.left), None)):
            beat = self._early.popleft()
            ident = beat.get("id", burst.id)
            assert ident == burst.id, f"w: ID {ident} in a burst of ID {burst.id}"
            self._take_beat(burst, beat)
