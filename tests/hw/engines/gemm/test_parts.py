"""The parts of the gemm engine on their own, in Amaranth's simulator."""

import random
from dataclasses import replace

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm.geometry import Geometry, Width
from gatewright_hw.engines.gemm.loader import TileLoader
from gatewright_hw.engines.gemm.operand_banks import OperandBanks
from gatewright_hw.engines.gemm.store import TileStore
from gatewright_hw.engines.gemm.tile_walk import TileWalk
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import stream_put

TINY = Geometry(get_config("tiny"))


def test_banks_serialise_words_without_a_gap() -> None:
    dut = OperandBanks(banks=8, depth=16)
    rng = np.random.default_rng(0)
    content = rng.integers(0, 256, (8, 16, 8))  # bank, word, byte
    steps = [(word, byte) for word in (3, 4, 15) for byte in range(8)] + [(0, 0), (7, 0), (7, 1), (2, 0)]
    got = []

    async def bench(ctx) -> None:
        for bank in range(8):
            for word in range(16):
                ctx.set(dut.write.addr, word)
                ctx.set(dut.write.data, int.from_bytes(bytes(content[bank, word].tolist()), "little"))
                ctx.set(dut.write.bytes, 0xFF)
                ctx.set(dut.write.banks, 1 << bank)
                await ctx.tick()
        ctx.set(dut.write.banks, 0)
        await ctx.tick()
        for cycle in range(len(steps) + dut.delay):
            word, byte = steps[min(cycle, len(steps) - 1)]
            ctx.set(dut.read, byte == 0 and cycle < len(steps))
            ctx.set(dut.addr, word)
            ctx.set(dut.byte, byte)
            if cycle >= dut.delay:
                got.append([ctx.get(value) for value in dut.value])
            await ctx.tick()

    simulate(dut, bench)
    np.testing.assert_array_equal(got, [content[:, word, byte] for word, byte in steps])


def test_banks_transpose_a_beat() -> None:
    """Beat k of a [K, N] matrix becomes byte k of a word in each of eight banks; other bytes and banks keep theirs."""
    dut = OperandBanks(banks=16, depth=4)
    rng = np.random.default_rng(1)
    beats = rng.integers(0, 256, (8, 2, 8))  # k, half of the banks, column
    got = []

    async def bench(ctx) -> None:
        ctx.set(dut.write.transposed, 1)
        ctx.set(dut.write.addr, 2)
        for k in rng.permutation(8):
            for half in range(2):
                ctx.set(dut.write.data, int.from_bytes(bytes(beats[k, half].tolist()), "little"))
                ctx.set(dut.write.bytes, 1 << int(k))
                ctx.set(dut.write.banks, 0xFF << 8 * half)
                await ctx.tick()
        ctx.set(dut.write.banks, 0)
        await ctx.tick()
        for cycle in range(8 + dut.delay):
            ctx.set(dut.read, cycle == 0)
            ctx.set(dut.addr, 2)
            ctx.set(dut.byte, cycle % 8)
            if cycle >= dut.delay:
                got.append([ctx.get(value) for value in dut.value])
            await ctx.tick()

    simulate(dut, bench)
    np.testing.assert_array_equal(got, beats.reshape(8, 16))


@pytest.mark.parametrize(("total", "per_half", "pitch"), [(1, 1, 5), (8, 2, 3), (37, 4, 2), (200, 8, 1)])
def test_walk_visits_every_row_in_ring_order(total: int, per_half: int, pitch: int) -> None:
    dut = TileWalk(size=8, half=16)
    visits = []

    async def bench(ctx) -> None:
        ctx.set(dut.total, total)
        ctx.set(dut.per_half, per_half)
        ctx.set(dut.pitch, pitch)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for sweep in range(3):
            while True:
                last = ctx.get(dut.last)
                visits.append((sweep, ctx.get(dut.count), ctx.get(dut.word), ctx.get(dut.fresh), last))
                ctx.set(dut.advance, 1)
                ctx.set(dut.rewind, last)
                await ctx.tick()
                ctx.set(dut.advance, 0)
                ctx.set(dut.rewind, 0)
                if last:
                    break

    simulate(dut, bench)
    tiles = -(-total // 8)
    expected = []
    for place in range(3 * tiles):
        sweep, tile = divmod(place, tiles)
        half, index = divmod(place % (2 * per_half), per_half)
        count = min(8, total - 8 * tile)
        expected.append((sweep, count, 16 * half + pitch * index, tile == 0, tile == tiles - 1))
    assert visits == expected


@pytest.mark.parametrize("seed", range(3))
def test_loader_counts_what_it_asks_for(seed: int) -> None:
    """Descriptors of all jobs in order, resumed addresses included, one event per job, although data comes in fits."""
    rng = random.Random(seed)
    dut = TileLoader(TINY)
    jobs = []
    for _ in range(12):
        target = rng.choice((0, 1))
        jobs.append(
            {
                "target": target,
                "transposed": int(target == 1 and rng.random() < 0.4),
                "restart": int(rng.random() < 0.5 or not any(job["target"] == target for job in jobs)),
                "addr": 8 * rng.randrange(1 << 20),
                "stride": 8 * rng.randrange(1, 100),
                "rows": rng.randrange(1, 12),
                "beats": rng.randrange(1, 5),
                "pitch": 4,
                "word": 0,
                "event": target + 1,
                "tiles": rng.randrange(1, 4),
            }
        )
    descriptors, events, written = [], [], {0: 0, 1: 0}

    async def send(ctx) -> None:
        for job in jobs:
            await stream_put(ctx, dut.job, job)
            await ctx.tick().repeat(rng.choice((1, 1, 20)))

    async def memory(ctx) -> None:
        owed = 0
        while True:
            take, give = rng.random() < 0.7, owed > 0 and rng.random() < 0.7
            ctx.set(dut.descriptor.ready, take)
            ctx.set(dut.data.valid, give)
            ctx.set(dut.stall_a, rng.random() < 0.2)
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

    async def wait(ctx) -> None:
        await ctx.tick().repeat(3000)

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


@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("width", Width)
def test_store_writes_only_what_exists(width: Width, lanes: int) -> None:
    """Tiles of every size under backpressure, as many at a time as the store lets in."""
    g, rng = Geometry(replace(get_config("tiny"), lanes=lanes, array_rows=8)), random.Random(lanes)
    dut = TileStore(g)
    size = 1 << width.value
    tiles = [(rng.randrange(1, g.rows + 1), rng.randrange(1, g.cols + 1), 512 * i) for i in range(12)]
    results = np.random.default_rng(0).integers(-(128**size), 128**size, (len(tiles), g.rows, g.cols))
    descriptors, beats = [], []

    async def feed(ctx) -> None:
        ctx.set(dut.width, width)
        ctx.set(dut.stride, 64)
        for (rows, cols, addr), values in zip(tiles, results, strict=True):
            await stream_put(ctx, dut.tile, {"rows": rows, "cols": cols, "addr": addr})
            for row in range(g.rows):
                for part in range(g.parts):
                    lanes = [int(x) for x in values[row, part * g.lanes : (part + 1) * g.lanes]]
                    assert not ctx.get(dut.idle)  # also while results that do not exist are still to come
                    ctx.set(dut.results.valid, 1)
                    ctx.set(dut.results.tag.row_exists, row < rows)
                    ctx.set(dut.results.tag.part, part)
                    ctx.set(dut.results.tag.cols, cols)
                    for lane, value in enumerate(lanes):
                        ctx.set(dut.results.wide[lane], value)
                        ctx.set(dut.results.narrow[lane], (value + (1 << 15)) % (1 << 16) - (1 << 15))
                    await ctx.tick()
            ctx.set(dut.results.valid, 0)
        await ctx.tick().repeat(400)
        assert ctx.get(dut.idle)

    async def drain(ctx) -> None:
        while True:
            ctx.set(dut.descriptor.ready, rng.random() < 0.3)
            ctx.set(dut.beat.ready, rng.random() < 0.5)
            await ctx.delay(1e-10)
            if ctx.get(dut.descriptor.ready & dut.descriptor.valid):
                payload = ctx.get(dut.descriptor.payload)
                descriptors.append((payload.addr, payload.beats))
            if ctx.get(dut.beat.ready & dut.beat.valid):
                payload = ctx.get(dut.beat.payload)
                beats.append((payload.data, payload.strb))
            await ctx.tick()

    simulate(dut, feed, background=[drain])
    stream = iter(beats)
    expected = [(addr + 64 * row, -(-cols * size // 8)) for rows, cols, addr in tiles for row in range(rows)]
    assert descriptors == expected
    for (rows, cols, _), values in zip(tiles, results, strict=True):
        for row in range(rows):
            raw = values[row, :cols].astype(f"<i{size}").tobytes()
            for start in range(0, len(raw), 8):
                data, strb = next(stream)
                piece = raw[start : start + 8]
                assert strb == (1 << len(piece)) - 1
                assert data.to_bytes(8, "little")[: len(piece)] == piece
    assert next(stream, None) is None
