# amaranth: UnusedElaboratable=no

"""AxiMaster: bursts and beats to the bus as AXI wants them, errors noted, and a bus that comes to rest when drained."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.axi import Resp
from gatewright_hw.bus.master import AxiMaster
from gatewright_sim.components.axi_memory import AxiMemory
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import stream_put

BYTES = 4096


async def read(ctx: Any, dut: AxiMaster, addr: int, beats: int) -> bytes:
    """One burst."""
    await stream_put(ctx, dut.read.ar, {"addr": addr, "len": beats - 1})
    ctx.set(dut.read.r.ready, 1)
    got = b""
    while len(got) < BUS_BYTES * beats:
        (payload,) = await ctx.tick().sample(dut.read.r.payload).until(dut.read.r.valid)
        got += int(payload).to_bytes(BUS_BYTES, "little")
    ctx.set(dut.read.r.ready, 0)
    return got


async def write(ctx: Any, dut: AxiMaster, addr: int, data: bytes, strb: int = 0xFF) -> None:
    """One burst, to its acknowledgement."""
    await stream_put(ctx, dut.write.aw, {"addr": addr, "len": len(data) // BUS_BYTES - 1})
    for start in range(0, len(data), BUS_BYTES):
        beat = int.from_bytes(data[start : start + BUS_BYTES], "little")
        await stream_put(ctx, dut.write.w, {"data": beat, "strb": strb})
    await ctx.tick().until(dut.write.b)


def run(memory: AxiMemory, dut: AxiMaster, testbench: Any) -> None:
    simulate(dut, testbench, background=[memory.reads, memory.writes])


@pytest.mark.parametrize("trial", range(3))
def test_bursts_of_both_directions(trial: int, rng: np.random.Generator) -> None:
    dut = AxiMaster()
    memory = AxiMemory(dut.axi, rng.bytes(BYTES), rng)
    before = bytes(memory.data)
    sizes = [int(size) for size in rng.integers(1, 17, 10)]
    beats = {"read": 0, "write": 0}

    async def reading(ctx: Any) -> None:
        for index, size in enumerate(sizes):
            place = 128 * index
            assert await read(ctx, dut, place, size) == before[place : place + BUS_BYTES * size]

    async def writing(ctx: Any) -> None:
        for index, size in enumerate(sizes):
            await write(ctx, dut, 2048 + 128 * index, before[:BUS_BYTES] * size, strb=0x0F)

    async def counting(ctx: Any) -> None:
        async for _, _, read_beat, write_beat in ctx.tick().sample(dut.read_beat, dut.write_beat):
            beats["read"] += read_beat
            beats["write"] += write_beat

    simulate(dut, reading, writing, background=[memory.reads, memory.writes, counting])
    expected = bytearray(before)
    for index, size in enumerate(sizes):
        for beat in range(size):
            start = 2048 + 128 * index + BUS_BYTES * beat
            expected[start : start + 4] = before[:4]
    assert memory.data == expected
    assert beats == {"read": sum(sizes), "write": sum(sizes)}
    assert [burst for burst in memory.bursts if burst[0] == "ar"] == [("ar", 128 * i, n) for i, n in enumerate(sizes)]


@pytest.mark.parametrize("response", [Resp.SLVERR, Resp.DECERR])
@pytest.mark.parametrize("direction", ["read", "write"])
def test_errors_are_remembered_until_they_are_cleared(direction: str, response: Resp, rng: np.random.Generator) -> None:
    dut = AxiMaster()
    memory = AxiMemory(dut.axi, rng.bytes(BYTES), rng, response, bad=range(264, 272))
    names = [f"{way}_{name.lower()}" for way in ("read", "write") for name in ("SLVERR", "DECERR")]

    async def access(ctx: Any, addr: int) -> None:
        if direction == "read":
            await read(ctx, dut, addr, 2)
        else:
            await write(ctx, dut, addr, bytes(16))

    async def testbench(ctx: Any) -> None:
        await access(ctx, 0)
        assert not ctx.get(dut.errors).as_bits()
        await access(ctx, 256)
        for addr in (0, 512):
            seen = {name for name in names if ctx.get(dut.errors[name])}
            assert seen == {f"{direction}_{response.name.lower()}"}
            await access(ctx, addr)
        ctx.set(dut.clear, 1)
        await ctx.tick()
        assert not ctx.get(dut.errors).as_bits()

    run(memory, dut, testbench)


def test_an_error_in_the_cycle_of_a_clearing_stays_alone(rng: np.random.Generator) -> None:
    """The one before it is cleared, and it is not lost itself."""
    dut = AxiMaster()

    async def testbench(ctx: Any) -> None:
        for clear, response in ((0, Resp.SLVERR), (1, Resp.DECERR)):
            ctx.set(dut.clear, clear)
            ctx.set(dut.axi.bvalid, 1)
            ctx.set(dut.axi.bresp, response)
            await ctx.tick()
        assert ctx.get(dut.errors.write_decerr)
        assert not ctx.get(dut.errors.write_slverr)

    simulate(dut, testbench)


def test_a_drained_bus_comes_to_rest_whatever_is_open(rng: np.random.Generator) -> None:
    """Reads that nobody takes are thrown away, announced writes are filled up without changing a byte."""
    dut = AxiMaster()
    memory = AxiMemory(dut.axi, rng.bytes(BYTES), rng)
    before = bytes(memory.data)

    async def nothing_is_heard(ctx: Any) -> None:
        async for _, _, drain, beat, answer in ctx.tick().sample(dut.drain, dut.read.r.valid, dut.write.b):
            assert not (drain and (beat or answer)), "who asked may be in reset"

    async def testbench(ctx: Any) -> None:
        assert ctx.get(dut.quiet)
        await stream_put(ctx, dut.read.ar, {"addr": 0, "len": 15})
        await stream_put(ctx, dut.write.aw, {"addr": 128, "len": 7})
        await stream_put(ctx, dut.write.aw, {"addr": 256, "len": 0})
        await stream_put(ctx, dut.write.w, {"data": 0, "strb": 0xFF})
        await ctx.tick().repeat(100)
        assert not ctx.get(dut.quiet)
        ctx.set(dut.drain, 1)
        await ctx.tick().until(dut.quiet)
        for bursts in (dut.read.ar, dut.write.aw):
            ctx.set(bursts.valid, 1)
            assert not ctx.get(bursts.ready), "a burst was let in"
            ctx.set(bursts.valid, 0)
        await ctx.tick().repeat(20)
        assert ctx.get(dut.quiet)
        ctx.set(dut.drain, 0)
        assert await read(ctx, dut, 512, 4) == before[512:544]

    simulate(dut, testbench, background=[memory.reads, memory.writes, nothing_is_heard])
    assert memory.data == before[:128] + bytes(8) + before[136:]


@pytest.mark.parametrize("direction", ["read", "write"])
@pytest.mark.parametrize("outstanding", [2, 3, 32])
def test_no_more_bursts_are_open_than_allowed(direction: str, outstanding: int) -> None:
    """As many as allowed, and one more for each that has been answered whole."""
    dut = AxiMaster(outstanding)
    port = dut.read.ar if direction == "read" else dut.write.aw

    async def testbench(ctx: Any) -> None:
        async def count(cycles: int) -> int:
            total = 0
            for _ in range(cycles):
                total += ctx.get(port.ready)
                await ctx.tick()
            return total

        for name in ("arready", "awready", "wready"):
            ctx.set(getattr(dut.axi, name), 1)
        ctx.set(dut.read.r.ready, 1)
        ctx.set(port.payload, {"addr": 0, "len": 1})
        ctx.set(dut.write.w.valid, 1)
        ctx.set(port.valid, 1)
        assert await count(4 * outstanding) == outstanding
        for _ in range(3):
            if direction == "read":
                for last in (0, 1):
                    ctx.set(dut.axi.rvalid, 1)
                    ctx.set(dut.axi.rlast, last)
                    assert not ctx.get(port.ready)
                    await ctx.tick()
                ctx.set(dut.axi.rvalid, 0)
            else:
                ctx.set(dut.axi.bvalid, 1)
                await ctx.tick()
                ctx.set(dut.axi.bvalid, 0)
            assert await count(10) == 1
            assert not ctx.get(dut.quiet)

    simulate(dut, testbench)


def test_the_bus_is_not_quiet_until_the_last_beat_is_taken(rng: np.random.Generator) -> None:
    dut = AxiMaster()
    memory = AxiMemory(dut.axi, rng.bytes(BYTES), rng)

    async def testbench(ctx: Any) -> None:
        await stream_put(ctx, dut.read.ar, {"addr": 0, "len": 0})
        (quiet,) = await ctx.tick().sample(dut.quiet).until(dut.read.r.valid)
        assert not quiet
        await ctx.tick().repeat(5)
        assert not ctx.get(dut.quiet), "a beat is here"
        ctx.set(dut.read.r.ready, 1)
        await ctx.tick()
        assert ctx.get(dut.quiet)

    run(memory, dut, testbench)


def test_a_beat_that_is_held_back_counts_when_it_crosses() -> None:
    """A requester that takes nothing holds the bus back: beats that wait there, the last one of a burst or one with an
    error among them, have not come yet."""
    dut = AxiMaster()

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.axi.arready, 1)
        for _ in range(3):
            await stream_put(ctx, dut.read.ar, {"addr": 0, "len": 0})
        await ctx.tick().repeat(3)
        ctx.set(dut.axi.rvalid, 1)
        ctx.set(dut.axi.rlast, 1)
        crossed = 0
        while ctx.get(dut.axi.rready):
            assert ctx.get(dut.read_beat)
            crossed += 1
            await ctx.tick()
        assert 0 < crossed < 3, "the third beat has to wait"
        ctx.set(dut.axi.rresp, Resp.SLVERR)
        for _ in range(10):
            await ctx.tick()
            assert not ctx.get(dut.read_beat)
            assert not ctx.get(dut.errors.read_slverr)
        ctx.set(dut.read.r.ready, 1)
        await ctx.tick()
        assert ctx.get(dut.read_beat)
        await ctx.tick()
        assert ctx.get(dut.errors.read_slverr)
        ctx.set(dut.axi.rvalid, 0)
        assert not ctx.get(dut.quiet), "the last beat is still here"
        await ctx.tick().repeat(2)
        assert ctx.get(dut.quiet)

    simulate(dut, testbench)


@pytest.mark.parametrize("outstanding", [1, 65])
def test_outstanding_is_checked(outstanding: int) -> None:
    with pytest.raises(ValueError, match=rf"AxiMaster: outstanding is {outstanding}, allowed 2\.\.64"):
        AxiMaster(outstanding)
