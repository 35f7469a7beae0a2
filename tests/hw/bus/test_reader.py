# amaranth: UnusedElaboratable=no

"""BurstReader: every beat once and in order, legal bursts, credits, rate."""

import random

import pytest

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.reader import BurstReader
from gatewright_sim.components.port_memory import PortMemory
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import stream_put

MEMORY = bytes(random.Random(1).randbytes(1 << 16))


def read(transfers, depth=64, outstanding=8, latency=(1, 1), stall=0.0, consumer_stall=0.0, seed=0):
    """Run the transfers [(address, beats)]; returns the bytes read, the memory model and the cycles it took."""
    dut = BurstReader(depth, outstanding)
    memory = PortMemory(bytearray(MEMORY), seed, latency, stall)
    total = sum(beats for _, beats in transfers)
    got, cycles = bytearray(), 0

    async def producer(ctx):
        rng = random.Random(seed + 1)
        for addr, beats in transfers:
            while rng.random() < stall:
                await ctx.tick()
            await stream_put(ctx, dut.descriptor, {"addr": addr, "beats": beats})

    async def consumer(ctx):
        nonlocal cycles
        rng = random.Random(seed + 2)
        while len(got) < BUS_BYTES * total:
            ready = rng.random() >= consumer_stall
            ctx.set(dut.data.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(dut.data.valid, dut.data.payload)
            cycles += 1
            assert cycles < 100_000, "the reader hangs"
            if valid and ready:
                got.extend(int(payload).to_bytes(BUS_BYTES, "little"))
        ctx.set(dut.data.ready, 1)
        (valid,) = await ctx.tick().sample(dut.data.valid).repeat(50)
        assert not valid, "more beats than asked for"

    async def never_refuses(ctx):
        async for _, _, ready in ctx.tick().sample(dut.port.r.ready):
            assert ready

    simulate(dut, producer, consumer, background=[memory.reads(dut.port), never_refuses])
    return bytes(got), memory, cycles


def expected(transfers):
    return b"".join(MEMORY[addr : addr + BUS_BYTES * beats] for addr, beats in transfers)


@pytest.mark.parametrize("seed", range(6))
def test_random_transfers_latency_and_backpressure(seed):
    rng = random.Random(seed)
    transfers = [(8 * rng.randrange(4096), rng.choice((1, 2, 7, 16, 17, 40, 130))) for _ in range(25)]
    depth, outstanding = rng.choice(((16, 1), (16, 16), (32, 4), (64, 16)))
    got, memory, _ = read(transfers, depth, outstanding, (1, 60), 0.3, rng.choice((0.0, 0.5, 0.9)), seed)
    assert got == expected(transfers)
    assert memory.most_in_flight <= outstanding


@pytest.mark.parametrize("addr", [0, 8, 4096 - 8, 4096 - 128, 4096 - 136, 8192 - 40])
def test_bursts_stay_in_their_page(addr):
    got, memory, _ = read([(addr, 33)])
    assert got == expected([(addr, 33)])
    assert sum(beats for _, beats in memory.bursts) == 33
    assert all((start + 8 * beats) % 128 == 0 for start, beats in memory.bursts[:-1])


def test_full_rate_hides_latency():
    """One beat a cycle, back to back, across transfers of one burst each, behind 48 cycles of latency."""
    transfers = [(128 * i, 16) for i in range(32)]
    got, _, cycles = read(transfers, depth=128, outstanding=16, latency=(48, 48))
    assert got == expected(transfers)
    assert cycles < 32 * 16 + 48 + 16


def test_short_transfers_overlap():
    """Transfers of a single beat are in flight together, up to the limit."""
    transfers = [(512 * i, 1) for i in range(64)]
    got, memory, _ = read(transfers, depth=32, outstanding=16, latency=(48, 48))
    assert got == expected(transfers)
    assert memory.most_in_flight == 16


def test_asks_only_for_what_fits():
    """A consumer that takes nothing lets exactly the queue's depth of beats be asked for."""
    dut = BurstReader(32, 16)
    memory = PortMemory(bytearray(MEMORY))

    async def bench(ctx):
        await stream_put(ctx, dut.descriptor, {"addr": 64, "beats": 1000})
        await ctx.tick().repeat(300)

    simulate(dut, bench, background=[memory.reads(dut.port)])
    assert memory.bursts == [(64, 8), (128, 16)]


def test_empty_transfer_is_dropped():
    transfers = [(0, 2), (64, 0), (128, 3)]
    got, memory, _ = read(transfers)
    assert got == expected(transfers)
    assert memory.bursts == [(0, 2), (128, 3)]


@pytest.mark.parametrize(
    ("depth", "outstanding", "name"), [(8, 4, "depth"), (64, 0, "outstanding"), (64, 65, "outstanding")]
)
def test_parameters_are_checked(depth, outstanding, name):
    with pytest.raises(ValueError, match=f"{name} is .* allowed"):
        BurstReader(depth, outstanding)
