"""A byte memory behind read and write ports, as testbenches for Amaranth's simulator, with random latency and
backpressure."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from gatewright.spec.memory import BUS_BYTES
from gatewright_sim.bursts import check_burst

__all__ = ["PortMemory"]


Bench = Callable[[Any], Awaitable[None]]


@dataclass
class PortMemory:
    """Serves ports from ``data`` (addresses wrap at its length) and asserts that each burst is legal.

    Parameters
    ----------
    data : the memory.
    seed : of the random choices.
    latency : least and most cycles from a burst to its first beat, or from a burst's last beat to its acknowledgement.
    stall : probability that a channel holds back in a cycle.

    Attributes
    ----------
    bursts : every burst, (byte address, beats), in order.
    most_in_flight : most bursts that were unanswered at a time.
    """

    data: bytearray
    seed: int = 0
    latency: tuple[int, int] = (1, 1)
    stall: float = 0.0
    bursts: list[tuple[int, int]] = field(default_factory=list)
    most_in_flight: int = 0

    def _accept(self, burst: Any, in_flight: int) -> list[int]:
        """Note a burst; returns the place of each of its beats in ``data``."""
        addr, beats = int(burst.addr), int(burst.len) + 1
        check_burst(addr, beats)
        self.bursts.append((addr, beats))
        self.most_in_flight = max(self.most_in_flight, in_flight + 1)
        return [(addr + BUS_BYTES * beat) % len(self.data) for beat in range(beats)]

    def reads(self, port: Any) -> Bench:
        """A background testbench that answers the read port ``port``."""

        async def bench(ctx: Any) -> None:
            rng = random.Random(self.seed)
            queue: deque[tuple[int, int, bool]] = deque()  # due cycle, place, last beat of its burst
            cycle = in_flight = 0
            valid = False
            while True:
                ready = rng.random() >= self.stall
                # A beat once offered stays on offer.
                valid = valid or (bool(queue) and queue[0][0] <= cycle and rng.random() >= self.stall)
                ctx.set(port.ar.ready, ready)
                ctx.set(port.r.valid, valid)
                if valid:
                    place = queue[0][1]
                    ctx.set(port.r.payload, int.from_bytes(self.data[place : place + BUS_BYTES], "little"))
                _, _, ar_valid, burst, r_ready = await ctx.tick().sample(port.ar.valid, port.ar.payload, port.r.ready)
                cycle += 1
                if valid and r_ready:
                    in_flight -= queue.popleft()[2]
                    valid = False
                if ready and ar_valid:
                    places = self._accept(burst, in_flight)
                    due = cycle + rng.randint(*self.latency)
                    queue.extend((due, place, index == len(places) - 1) for index, place in enumerate(places))
                    in_flight += 1

        return bench

    def writes(self, port: Any) -> Bench:
        """A background testbench that takes the writes of the write port ``port``."""

        async def bench(ctx: Any) -> None:
            rng = random.Random(self.seed)
            places: deque[tuple[int, bool]] = deque()  # where the coming beats go, last beat of its burst
            answers: deque[int] = deque()  # due cycles
            cycle = in_flight = 0
            while True:
                aw_ready = rng.random() >= self.stall
                w_ready = bool(places) and rng.random() >= self.stall
                answer = bool(answers) and answers[0] <= cycle
                ctx.set(port.aw.ready, aw_ready)
                ctx.set(port.w.ready, w_ready)
                ctx.set(port.b, answer)
                _, _, aw_valid, burst, w_valid, beat = await ctx.tick().sample(
                    port.aw.valid, port.aw.payload, port.w.valid, port.w.payload
                )
                cycle += 1
                if answer:
                    answers.popleft()
                    in_flight -= 1
                if w_ready and w_valid:
                    place, last = places.popleft()
                    for lane in range(BUS_BYTES):
                        if int(beat.strb) >> lane & 1:
                            self.data[place + lane] = int(beat.data) >> 8 * lane & 0xFF
                    if last:
                        answers.append(cycle + rng.randint(*self.latency))
                if aw_ready and aw_valid:
                    new = self._accept(burst, in_flight)
                    places.extend((place, index == len(new) - 1) for index, place in enumerate(new))
                    in_flight += 1

        return bench
