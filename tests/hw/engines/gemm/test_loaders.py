"""TileLoaders: several loaders share each load, and write what one would."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Target
from gatewright_hw.engines.gemm.loaders import TileLoaders
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import stream_put

MEMORY = 1 << 14
IN_FLIGHT = 4
"""Jobs at a time, each of which has words of the banks to itself."""
WIDE = Geometry(replace(get_config("tiny"), array_cols=16, lanes=4))
TINY = Geometry(get_config("tiny"))


@dataclass
class Job:
    """A load: what the loader is told, and where it begins."""

    told: dict[str, int]
    begin: int

    def bytes(self, g: Geometry, memory: np.ndarray) -> dict[tuple[int, int, int], int]:
        """What it brings to which byte of the banks: (bank, word, byte)."""
        told = self.told
        banks = g.rows if told["target"] == Target.A else g.cols
        found = {}
        for row in range(told["rows"]):
            for at in range(8 * told["beats"]):
                value = int(memory[self.begin + row * told["stride"] + at])
                if told["transposed"]:
                    place = at % banks, told["word"] + at // banks * told["pitch"] + row // 8, row % 8
                else:
                    place = row % banks, told["word"] + row // banks * told["pitch"] + at // 8, at % 8
                found[place] = value
        return found


def draw(g: Geometry, rng: np.random.Generator, number: int) -> list[Job]:
    """Jobs in order; one that goes on where the last one of its side ended goes on behind whole tiles."""
    jobs: list[Job] = []
    resume: dict[int, tuple[int, int]] = {}  # where a side goes on, by which stride
    for index in range(number):
        target = Target(int(rng.choice([Target.A, Target.B, Target.B, Target.PARAMS, Target.MASK])))
        transposed = target is Target.B and rng.random() < 0.4
        banks = g.rows if target is Target.A else g.cols
        plain = target in (Target.A, Target.B) and not transposed
        whole = plain and rng.random() < 0.6
        rows = banks * int(rng.integers(1, 4)) if whole else int(rng.integers(1, 3 * banks)) if plain else 1
        rows = int(rng.integers(1, 20)) if transposed else rows
        beats = int(rng.integers(1, 5))
        begin, stride = 8 * int(rng.integers(200)), 8 * int(rng.integers(beats, 12))
        goes_on = plain and target in resume and rng.random() < 0.5
        if goes_on:
            begin, stride = resume[target]
        if begin + rows * stride + 8 * beats > MEMORY:
            goes_on, begin = False, 0
        told = {"target": target, "transposed": transposed, "restart": not goes_on, "addr": 0 if goes_on else begin}
        told |= {"stride": stride, "rows": rows, "beats": beats, "pitch": 4, "word": 32 * (index % IN_FLIGHT)}
        events = {Target.A: Event.A, Target.B: Event.V if transposed else Event.B}
        told |= {"event": events.get(target, Event.NONE), "tiles": int(rng.integers(1, 4))}
        jobs.append(Job({name: int(value) for name, value in told.items()}, begin))
        resume.pop(target, None)
        if plain and rows % banks == 0:
            resume[target] = begin + rows * stride, stride
    return jobs


class Ports:
    """What each loader asks for and is given, and what all of them write."""

    def __init__(self, dut: TileLoaders, g: Geometry, memory: np.ndarray, rng: np.random.Generator) -> None:
        self.dut, self.g, self.memory, self.rng = dut, g, memory, rng
        self.owed: list[list[int]] = [[] for _ in dut.data]  # addresses of beats
        self.asked = [0] * len(dut.data)
        self.banks: dict[str, dict[tuple[int, int, int], int]] = {"a": {}, "b": {}}
        self.words: list[int] = []  # records and words of the mask

    def ask(self, ctx: Any) -> None:
        for port, descriptor in enumerate(self.dut.descriptor):
            if ctx.get(descriptor.valid) and ctx.get(descriptor.ready):
                beats, addr = ctx.get(descriptor.payload.beats), ctx.get(descriptor.payload.addr)
                self.owed[port] += [addr + 8 * beat for beat in range(beats)]
                self.asked[port] += beats

    def word(self, address: int) -> int:
        return int.from_bytes(bytes(self.memory[address : address + 8].tolist()), "little")

    def give(self, ctx: Any, often: float) -> None:
        for owed, stream in zip(self.owed, self.dut.data, strict=True):
            offered = bool(owed) and self.rng.random() < often
            ctx.set(stream.valid, offered)
            ctx.set(stream.payload, self.word(owed[0]) if offered else 0)

    def note(self, ctx: Any) -> None:
        dut = self.dut
        for owed, stream in zip(self.owed, dut.data, strict=True):
            if ctx.get(stream.valid) and ctx.get(stream.ready):
                owed.pop(0)
        stalled = ctx.get(dut.stall_a)
        for side, writes in (("a", dut.a), ("b", dut.b)):
            taken = 0
            for port in writes:
                write = ctx.get(port)
                assert not write.banks & taken, "two write to one bank"
                assert not (stalled and side == "a" and write.banks), "A's banks are another's"
                taken |= write.banks
                for bank in range(write.banks.bit_length()):
                    for byte in range(8):
                        if write.banks >> bank & 1 and write.bytes >> byte & 1:
                            lane = bank % 8 if write.transposed else byte
                            self.banks[side][bank, write.addr, byte] = write.data >> 8 * lane & 0xFF
        if ctx.get(dut.column_write) or ctx.get(dut.mask_write):
            self.words.append(ctx.get(dut.word))


@pytest.mark.parametrize("often", [1.0, 0.5])
@pytest.mark.parametrize(("g", "ports"), [(TINY, 1), (TINY, 2), (TINY, 4), (WIDE, 2)], ids=str)
def test_they_write_what_one_would(g: Geometry, ports: int, often: float, rng: np.random.Generator) -> None:
    """Once a job has ended, all of its bytes are in the banks; each beat is asked for once, by one of them."""
    dut, memory = TileLoaders(g, ports), rng.integers(0, 256, MEMORY)
    jobs = draw(g, rng, 30)
    bench = Ports(dut, g, memory, rng)
    words = [
        bench.word(job.begin + 8 * beat)
        for job in jobs
        if job.told["event"] == Event.NONE
        for beat in range(job.told["beats"])
    ]
    begun: list[Job] = []
    ended: list[Job] = []

    async def send(ctx: Any) -> None:
        for job in jobs:
            while len(begun) - len(ended) == IN_FLIGHT:
                await ctx.tick()
            begun.append(job)
            await stream_put(ctx, dut.job, job.told)

    async def serve(ctx: Any) -> None:
        beats = 0  # of records and masks that have ended
        while True:
            for descriptor in dut.descriptor:
                ctx.set(descriptor.ready, bool(rng.random() < often))
            ctx.set(dut.stall_a, bool(rng.random() < 0.2))
            bench.give(ctx, often)
            await ctx.delay(1e-10)
            bench.ask(ctx)
            bench.note(ctx)
            event = ctx.get(dut.event)
            while len(ended) < len(begun):
                job = begun[len(ended)]
                if job.told["event"] == Event.NONE and len(bench.words) >= beats + job.told["beats"]:
                    beats += job.told["beats"]
                elif event and event == job.told["event"]:
                    assert ctx.get(dut.tiles) == job.told["tiles"]
                    side = "a" if job.told["target"] == Target.A else "b"
                    found = bench.banks[side]
                    assert {place: found.get(place) for place in job.bytes(g, memory)} == job.bytes(g, memory)
                    event = 0
                else:
                    break
                ended.append(job)
            assert not event, "an event of no job"
            await ctx.tick()

    async def wait(ctx: Any) -> None:
        while len(ended) < len(jobs):
            await ctx.tick()

    simulate(dut, send, wait, background=[serve])
    assert bench.words == words
    assert sum(bench.asked) == sum(job.told["rows"] * job.told["beats"] for job in jobs)
    assert all(bench.asked)
