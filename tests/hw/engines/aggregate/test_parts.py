# amaranth: UnusedElaboratable=no

"""The parts of the aggregation engine on their own, in Amaranth's simulator."""

import random

import pytest

from gatewright_hw.engines.aggregate.array_fetch import ArrayFetch
from gatewright_hw.engines.aggregate.lanes import AccumulatorLanes
from gatewright_hw.engines.aggregate.row_address import RowAddress
from gatewright_hw.engines.aggregate.row_writer import RowWriter
from gatewright_sim.components.port_memory import PortMemory
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import stream_get, stream_put


@pytest.mark.parametrize("stride", [8, 64, 1 << 19, (1 << 32) - 8, 0x9ABC_DEF8])
def test_addresses_are_exact_modulo_2_to_the_32(stride):
    rng = random.Random(stride)
    base = 8 * rng.randrange(1 << 29)
    indices = [0, 1, (1 << 16) - 1, 1 << 16, (1 << 32) - 1, *(rng.randrange(1 << 32) for _ in range(60))]
    dut = RowAddress()
    got = []

    async def send(ctx):
        ctx.set(dut.base, base)
        ctx.set(dut.stride, stride)
        await ctx.tick()
        for index in indices:
            await stream_put(ctx, dut.index, index)
            await ctx.tick().repeat(rng.choice((1, 1, 3)))

    async def receive(ctx):
        for _ in indices:
            got.append(await stream_get(ctx, dut.addr))
            await ctx.tick().repeat(rng.choice((1, 2, 5)))

    simulate(dut, send, receive)
    assert got == [(base + index * stride) % (1 << 32) for index in indices]


def fetch_bench(dut, memory, jobs):
    """Runs (address, count, elements to take before giving up) one after the other; returns what was taken, per job."""
    taken = []

    async def bench(ctx):
        for addr, count, take in jobs:
            ctx.set(dut.stop, 0)
            ctx.set(dut.addr, addr)
            ctx.set(dut.count, count)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.element.ready, 1)
            elements = []
            for _ in range(take):
                (element,) = await ctx.tick().sample(dut.element.payload).until(dut.element.valid)
                elements.append(element)
            ctx.set(dut.element.ready, 0)
            ctx.set(dut.stop, 1)
            await ctx.tick().until(dut.idle)
            taken.append(elements)
        bursts = len(memory.bursts)
        await ctx.tick().repeat(100)
        assert len(memory.bursts) == bursts

    simulate(dut, bench, background=[memory.reads(dut.port)])
    return taken


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_fetch_streams_whole_arrays_and_gives_up_cleanly(bits):
    rng = random.Random(bits)
    memory = PortMemory(bytearray(rng.randbytes(1 << 14)), seed=bits, latency=(1, 30), stall=0.2)
    size = bits // 8
    jobs = [(8 * rng.randrange(200), count, count) for count in (0, 1, 2, 7, 65, 300)]
    jobs += [(8 * rng.randrange(200), 2000, take) for take in (0, 1, 100)]
    jobs.append((24, 9, 9))  # what was given up does not show here
    expected = [
        [int.from_bytes(memory.data[addr + size * i :][:size], "little") for i in range(take)] for addr, _, take in jobs
    ]
    assert fetch_bench(ArrayFetch(bits, 20), memory, jobs) == expected


def test_fetch_reads_each_beat_once_in_bursts_that_end_on_lines():
    memory = PortMemory(bytearray(1 << 12))
    fetch_bench(ArrayFetch(32, 20), memory, [(8 * 5, 101, 101)])
    assert memory.bursts == [(40, 11), (128, 16), (256, 16), (384, 8)]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ArrayFetch(12, 20), "element_bits is 12, allowed 8, 16, 32"),
        (lambda: ArrayFetch(8, 0), "count_bits is 0, allowed 1..40"),
        (lambda: AccumulatorLanes(0), "words is 0, allowed 1..1024"),
        (lambda: RowWriter(4), "max_features is 4, allowed 8..8192"),
    ],
)
def test_impossible_sizes_are_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
