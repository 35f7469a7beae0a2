"""TileLoader: jobs to descriptors, bank writes and events."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Target
from gatewright_hw.engines.gemm.loader import TileLoader
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import stream_put

TINY = Geometry(get_config("tiny"))


@pytest.mark.parametrize("seed", range(3))
def test_loader_counts_what_it_asks_for(seed: int, rng: np.random.Generator) -> None:
    """Descriptors of all jobs in order, resumed addresses included, one event per job, although data comes in fits."""
    dut = TileLoader(TINY)
    jobs = []
    for _ in range(12):
        target = int(rng.integers(2))
        jobs.append(
            {
                "target": target,
                "transposed": int(target == 1 and rng.random() < 0.4),
                "restart": int(rng.random() < 0.5 or not any(job["target"] == target for job in jobs)),
                "addr": 8 * int(rng.integers(1 << 20)),
                "stride": 8 * int(rng.integers(1, 100)),
                "rows": int(rng.integers(1, 12)),
                "beats": int(rng.integers(1, 5)),
                "pitch": 4,
                "word": 0,
                "event": target + 1,
                "tiles": int(rng.integers(1, 4)),
            }
        )
    descriptors, events, written = [], [], {0: 0, 1: 0}

    async def send(ctx: Any) -> None:
        for job in jobs:
            await stream_put(ctx, dut.job, job)
            await ctx.tick().repeat(int(rng.choice((1, 1, 20))))

    async def memory(ctx: Any) -> None:
        owed = 0
        while True:
            take, give = bool(rng.random() < 0.7), owed > 0 and bool(rng.random() < 0.7)
            ctx.set(dut.descriptor.ready, take)
            ctx.set(dut.data.valid, give)
            ctx.set(dut.stall_a, bool(rng.random() < 0.2))
            await ctx.delay(1e-10)
            owed -= give and ctx.get(dut.data.ready)
            if take and ctx.get(dut.descriptor.valid):
                payload = ctx.get(dut.descriptor.payload)
                descriptors.append((payload.addr, payload.beats))
                owed += payload.beats
            for side, write in enumerate((dut.a, dut.b)):
                written[side] += ctx.get(write.banks) != 0
            if event := ctx.get(dut.event):
                events.append((event, ctx.get(dut.tiles)))
            await ctx.tick()

    async def wait(ctx: Any) -> None:
        while len(events) < len(jobs):
            await ctx.tick()
        await ctx.tick().repeat(50)

    simulate(dut, send, wait, background=[memory])
    expected, resume = [], {}
    for job in jobs:
        addr = job["addr"] if job["restart"] else resume[job["target"]]
        expected += [(addr + row * job["stride"], job["beats"]) for row in range(job["rows"])]
        resume[job["target"]] = addr + job["rows"] * job["stride"]
    assert descriptors == expected
    assert events == [(job["event"], job["tiles"]) for job in jobs]
    for side in (0, 1):
        assert written[side] == sum(job["rows"] * job["beats"] for job in jobs if job["target"] == side)


class Bench:
    """A loader before a memory of random bytes; keeps what it writes, and where."""

    def __init__(self, g: Geometry, rng: np.random.Generator) -> None:
        self.dut = TileLoader(g)
        self.data = rng.integers(0, 256, 1 << 14)
        self.bytes: dict[str, dict[tuple[int, int, int], int]] = {"a": {}, "b": {}}
        """By bank, word and place in the word."""
        self.records: dict[tuple[Any, ...], int] = {}
        """Column parameters by entry and lane, words of the mask by their place."""

    def note(self, ctx: Any, beat: int) -> None:
        dut = self.dut
        for side, port in (("a", dut.a), ("b", dut.b)):
            write = ctx.get(port)
            for bank in range(write.banks.bit_length()):
                for byte in range(8):
                    if write.banks >> bank & 1 and write.bytes >> byte & 1:
                        lane = bank % 8 if write.transposed else byte
                        self.bytes[side][bank, write.addr, byte] = write.data >> 8 * lane & 0xFF
        if ctx.get(dut.column_write):
            self.records["column", ctx.get(dut.column), ctx.get(dut.column_lane)] = beat
        if ctx.get(dut.mask_write):
            self.records["mask", ctx.get(dut.mask)] = beat

    def run(self, job: dict[str, int]) -> None:
        async def testbench(ctx: Any) -> None:
            dut = self.dut
            ctx.set(dut.descriptor.ready, 1)
            await stream_put(ctx, dut.job, job)
            beats: list[int] = []
            while True:
                if ctx.get(dut.descriptor.valid):
                    descriptor = ctx.get(dut.descriptor.payload)
                    ends = range(descriptor.addr, descriptor.addr + 8 * descriptor.beats, 8)
                    beats += [int.from_bytes(bytes(self.data[at : at + 8].tolist()), "little") for at in ends]
                ctx.set(dut.data.valid, bool(beats))
                ctx.set(dut.data.payload, beats[0] if beats else 0)
                if beats and ctx.get(dut.data.ready):
                    self.note(ctx, beats.pop(0))
                if ctx.get(dut.event) != Event.NONE:
                    return
                await ctx.tick()

        simulate(self.dut, testbench)


WIDE = Geometry(replace(get_config("tiny"), array_cols=16))


@pytest.mark.parametrize(("side", "g"), [("a", TINY), ("b", TINY), ("b", WIDE)], ids=str)
def test_rows_go_to_successive_banks(side: str, g: Geometry, rng: np.random.Generator) -> None:
    """Bank by bank, and after the last one on from the first, ``pitch`` words further."""
    bench, banks = Bench(g, rng), g.rows if side == "a" else g.cols
    target, event = (Target.A, Event.A) if side == "a" else (Target.B, Event.B)
    rows, beats, word, pitch = 2 * banks + 1, 3, 5, 4
    bench.run(
        {"target": target, "restart": 1, "addr": 64, "stride": 40, "rows": rows, "beats": beats}
        | {"word": word, "pitch": pitch, "event": event, "tiles": 1}
    )
    assert bench.bytes[side] == {
        (row % banks, word + row // banks * pitch + beat, byte): bench.data[64 + 40 * row + 8 * beat + byte]
        for row in range(rows)
        for beat in range(beats)
        for byte in range(8)
    }


@pytest.mark.parametrize("g", [TINY, WIDE], ids=str)
def test_transposed_rows_are_one_k_of_successive_columns(g: Geometry, rng: np.random.Generator) -> None:
    bench, (rows, beats, word, pitch) = Bench(g, rng), (19, 5, 2, 7)
    bench.run(
        {"target": Target.B, "transposed": 1, "restart": 1, "addr": 8, "stride": 48, "rows": rows, "beats": beats}
        | {"word": word, "pitch": pitch, "event": Event.B, "tiles": 1}
    )
    assert bench.bytes["b"] == {
        (column % g.cols, word + column // g.cols * pitch + k // 8, k % 8): bench.data[8 + 48 * k + column]
        for k in range(rows)
        for column in range(8 * beats)
    }


@pytest.mark.parametrize("target", [Target.PARAMS, Target.MASK])
def test_parameters_and_mask_go_to_their_places(target: Target, rng: np.random.Generator) -> None:
    g = Geometry(replace(get_config("tiny"), max_seq=512, a_depth=1024, b_depth=1024))
    bench = Bench(g, rng)
    job = {"restart": 1, "addr": 128, "stride": 0, "rows": 1, "beats": 7, "pitch": 0, "event": Event.A, "tiles": 1}
    first = 6 if target is Target.PARAMS else 0
    bench.run(job | {"target": target, "word": first})
    words = [int.from_bytes(bytes(bench.data[at : at + 8].tolist()), "little") for at in range(128, 128 + 56, 8)]
    if target is Target.PARAMS:
        assert bench.records == {("column", first + i // g.lanes, i % g.lanes): word for i, word in enumerate(words)}
    else:
        assert bench.records == {("mask", i): word for i, word in enumerate(words)}
    assert bench.bytes == {"a": {}, "b": {}}
