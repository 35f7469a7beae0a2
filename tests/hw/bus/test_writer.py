# amaranth: UnusedElaboratable=no

"""BurstWriter: every byte to its place, legal bursts, no burst before its beats, idle, rate."""

import random

import pytest

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.writer import BurstWriter
from gatewright_sim.components.port_memory import PortMemory
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import put_all, stream_put

SIZE = 1 << 15


def write(transfers, depth=64, latency=(1, 1), stall=0.0, producer_stall=0.0, seed=0):
    """Write the transfers [(address, [(data, strobe), ...])]; returns the memory model and the cycles until idle."""
    dut = BurstWriter(depth)
    memory = PortMemory(bytearray(SIZE), seed, latency, stall)
    cycles = 0
    sent = False

    async def producer(ctx):
        nonlocal cycles, sent
        rng = random.Random(seed + 1)
        for _, beats in transfers:
            for data, strb in beats:
                while rng.random() < producer_stall:
                    await ctx.tick()
                ctx.set(dut.data.payload, {"data": data, "strb": strb})
                ctx.set(dut.data.valid, 1)
                taken = False
                while not taken:
                    _, _, taken = await ctx.tick().sample(dut.data.ready)
                    cycles += 1
                    assert cycles < 100_000, "the writer hangs"
                ctx.set(dut.data.valid, 0)
        idle = False
        while not idle:
            _, _, idle = await ctx.tick().sample(dut.idle)
            cycles += 1
            assert cycles < 100_000, "the writer never gets idle"
        sent = True

    async def beats_are_there(ctx):
        """From a burst's announcement on, each of its beats is offered without a gap that the producer causes."""
        owed = 0
        async for _, _, aw, burst, w, w_ready in ctx.tick().sample(
            dut.port.aw.valid & dut.port.aw.ready,
            dut.port.aw.payload,
            dut.port.w.valid,
            dut.port.w.ready,
        ):
            if owed:
                assert w, "an announced burst waits for its beats"
            owed += (int(burst.len) + 1 if aw else 0) - (w and w_ready)

    descriptors = put_all(dut.descriptor, [{"addr": addr, "beats": len(beats)} for addr, beats in transfers])
    simulate(dut, descriptors, producer, background=[memory.writes(dut.port), beats_are_there])
    assert sent
    return memory, cycles


def expected(transfers):
    memory = bytearray(SIZE)
    for addr, beats in transfers:
        for index, (data, strb) in enumerate(beats):
            for lane in range(BUS_BYTES):
                if strb >> lane & 1:
                    memory[addr + BUS_BYTES * index + lane] = data >> 8 * lane & 0xFF
    return memory


def random_beats(rng, count, full=False):
    return [(rng.getrandbits(64), 0xFF if full else rng.getrandbits(8)) for _ in range(count)]


@pytest.mark.parametrize("seed", range(6))
def test_random_transfers_latency_and_backpressure(seed):
    rng = random.Random(seed)
    transfers = [(8 * rng.randrange(2048), random_beats(rng, rng.choice((1, 2, 15, 16, 17, 70)))) for _ in range(25)]
    memory, _ = write(transfers, rng.choice((32, 64)), (1, 40), 0.3, rng.choice((0.0, 0.6)), seed)
    assert memory.data == expected(transfers)


@pytest.mark.parametrize("addr", [0, 4096 - 8, 4096 - 136])
def test_bursts_stay_in_their_page(addr):
    transfers = [(addr, random_beats(random.Random(addr), 33))]
    memory, _ = write(transfers)
    assert memory.data == expected(transfers)
    assert sum(beats for _, beats in memory.bursts) == 33


@pytest.mark.parametrize("beats", [8, 16])
def test_full_rate(beats):
    """One beat a cycle across transfers, whatever the acknowledgement's latency."""
    transfers = [(128 * i, random_beats(random.Random(i), beats, full=True)) for i in range(32)]
    memory, cycles = write(transfers, depth=32, latency=(24, 24))
    assert memory.data == expected(transfers)
    assert cycles < 32 * beats + 24 + 40


def test_so_many_bursts_are_unanswered_at_most():
    transfers = [(128 * i, [(i, 0xFF)]) for i in range(90)]
    memory, _ = write(transfers, latency=(400, 400))
    assert memory.data == expected(transfers)
    assert memory.most_in_flight == 64


def test_idle_waits_for_the_last_acknowledgement():
    transfers = [(64, [(1, 0xFF)])]
    _, cycles = write(transfers, latency=(200, 200))
    assert cycles > 200


@pytest.mark.parametrize("beats", [1, 2, 17, 32])
@pytest.mark.parametrize("first", ["descriptor", "data"])
def test_idle_falls_with_what_comes_first(first, beats):
    """Beats without their transfer, or a transfer without its beats, are something left here, until both are there and
    acknowledged."""
    dut = BurstWriter(32)
    memory = PortMemory(bytearray(SIZE), latency=(9, 9))
    data = random_beats(random.Random(beats), beats, full=True)

    async def descriptor(ctx):
        await stream_put(ctx, dut.descriptor, {"addr": 64, "beats": beats})
        assert not ctx.get(dut.idle)

    async def all_data(ctx):
        for word, strb in data:
            await stream_put(ctx, dut.data, {"data": word, "strb": strb})
            assert not ctx.get(dut.idle)

    async def testbench(ctx):
        assert ctx.get(dut.idle)
        one, other = (descriptor, all_data) if first == "descriptor" else (all_data, descriptor)
        await one(ctx)
        for _ in range(20):
            await ctx.tick()
            assert not ctx.get(dut.idle)
        await other(ctx)
        await ctx.tick().repeat(beats + 60)
        assert ctx.get(dut.idle)

    simulate(dut, testbench, background=[memory.writes(dut.port)])
    assert memory.data == expected([(64, data)])


def test_empty_transfer_is_dropped():
    transfers = [(0, [(1, 255)]), (64, []), (128, [(2, 255), (3, 15)])]
    memory, _ = write(transfers)
    assert memory.data == expected(transfers)
    assert len(memory.bursts) == 2


def test_depth_is_checked():
    with pytest.raises(ValueError, match=r"depth is 16, allowed 32\.\.4096"):
        BurstWriter(16)
