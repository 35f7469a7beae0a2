# amaranth: UnusedElaboratable=no

"""ReadArbiter and WriteArbiter: each requester gets its own data, in order, and none is starved."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.bus.arbiter import ReadArbiter, WriteArbiter
from gatewright_hw.bus.ports import ReadPort, WritePort
from gatewright_hw.bus.reader import BurstReader
from gatewright_hw.bus.writer import BurstWriter
from gatewright_sim.components.port_memory import PortMemory
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import put_all, stream_get, stream_put

SIZE = 1 << 15
MEMORY = random.Random(2).randbytes(SIZE)


class Requesters(wiring.Component):
    """``n`` readers and writers behind arbiters, and one more level of arbiters, as an engine in the top has it."""

    def __init__(self, n):
        self.readers = [BurstReader(64, 8) for _ in range(n)]
        self.writers = [BurstWriter(32) for _ in range(n)]
        super().__init__({"read": Out(ReadPort()), "write": Out(WritePort())})

    def elaborate(self, _platform):
        m = Module()
        n = len(self.readers)
        m.submodules.inner_read = inner_read = ReadArbiter(n, 16)
        m.submodules.inner_write = inner_write = WriteArbiter(n, 16)
        m.submodules.outer_read = outer_read = ReadArbiter(2, 16)
        m.submodules.outer_write = outer_write = WriteArbiter(2, 16)
        for index, (reader, writer) in enumerate(zip(self.readers, self.writers, strict=True)):
            m.submodules[f"reader{index}"] = reader
            m.submodules[f"writer{index}"] = writer
            wiring.connect(m, reader.port, inner_read.ports[index])
            wiring.connect(m, writer.port, inner_write.ports[index])
        wiring.connect(m, inner_read.port, outer_read.ports[1])
        wiring.connect(m, inner_write.port, outer_write.ports[1])
        wiring.connect(m, outer_read.port, wiring.flipped(self.read))
        wiring.connect(m, outer_write.port, wiring.flipped(self.write))
        return m


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (2, 1), (3, 2), (5, 3)])
def test_random_traffic_of_several_requesters(n, seed):
    dut = Requesters(n)
    rng = random.Random(seed)
    memory = PortMemory(bytearray(MEMORY), seed, (1, 30), 0.2)
    written = PortMemory(bytearray(SIZE), seed + 1, (1, 30), 0.2)
    reads = [[(8 * rng.randrange(2048), rng.choice((1, 3, 16, 40))) for _ in range(12)] for _ in range(n)]
    window = SIZE // n // 8 * 8
    copies = [[(i * window + 512 * j, rng.choice((1, 5, 16, 40))) for j in range(6)] for i in range(n)]
    got = [bytearray() for _ in range(n)]

    def describe(stream, transfers):
        return put_all(stream, [{"addr": addr, "beats": beats} for addr, beats in transfers])

    def consume(index):
        async def bench(ctx):
            stream = dut.readers[index].data
            for _ in range(sum(beats for _, beats in reads[index])):
                got[index].extend((await stream_get(ctx, stream)).to_bytes(8, "little"))

        return bench

    def produce(index):
        async def bench(ctx):
            writer = dut.writers[index]
            for addr, beats in copies[index]:
                for beat in range(beats):
                    start = addr + 8 * beat
                    data = int.from_bytes(MEMORY[start : start + 8], "little")
                    await stream_put(ctx, writer.data, {"data": data, "strb": 0xFF})
            await ctx.tick().until(writer.idle)

        return bench

    benches = []
    for index in range(n):
        benches.append(describe(dut.readers[index].descriptor, reads[index]))
        benches.append(describe(dut.writers[index].descriptor, copies[index]))
        benches += [consume(index), produce(index)]
    simulate(dut, *benches, background=[memory.reads(dut.read), written.writes(dut.write)], cycles=20_000)

    for index in range(n):
        assert got[index] == b"".join(MEMORY[addr : addr + 8 * beats] for addr, beats in reads[index])
        for addr, beats in copies[index]:
            assert written.data[addr : addr + 8 * beats] == MEMORY[addr : addr + 8 * beats]


class Hoarders(wiring.Component):
    """Three requesters of a read arbiter that always want a burst each."""

    def __init__(self):
        super().__init__({"ports": In(ReadPort()).array(3), "port": Out(ReadPort())})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.arbiter = arbiter = ReadArbiter(3, 8)
        for outer, inner in zip(self.ports, arbiter.ports, strict=True):
            wiring.connect(m, wiring.flipped(outer), inner)
        wiring.connect(m, arbiter.port, wiring.flipped(self.port))
        return m


@pytest.mark.parametrize("wanting", [(0, 1, 2), (0, 2), (1,)])
def test_round_robin_serves_every_requester_equally(wanting):
    dut = Hoarders()
    memory = PortMemory(bytearray(SIZE), latency=(20, 20))

    async def want(ctx):
        for index, port in enumerate(dut.ports):
            ctx.set(port.ar.payload, {"addr": 4096 * index, "len": 3})
            ctx.set(port.ar.valid, index in wanting)
            ctx.set(port.r.ready, 1)
        await ctx.tick().repeat(400)

    simulate(dut, want, background=[memory.reads(dut.port)])
    served = [addr // 4096 for addr, _ in memory.bursts]
    assert len(served) > 60
    counts = [served.count(index) for index in wanting]
    assert max(counts) - min(counts) <= 1
    assert set(served) == set(wanting)
    assert memory.most_in_flight <= 8


@pytest.mark.parametrize("wanting", [(0, 1, 2), (1, 2), (2,)])
@pytest.mark.parametrize("outstanding", [2, 5])
def test_writes_take_turns_and_each_hears_its_own_answers(wanting, outstanding):
    """Three requesters whose beats say whose they are, to pages of their own; answers are late."""
    dut = WriteArbiter(3, outstanding)
    memory = PortMemory(bytearray(SIZE), latency=(30, 30))
    announced, answered = [0] * 3, [0] * 3

    async def want(ctx):
        for index, port in enumerate(dut.ports):
            ctx.set(port.aw.payload, {"addr": 4096 * index, "len": index})
            ctx.set(port.aw.valid, index in wanting)
            ctx.set(port.w.payload, {"data": index + 1, "strb": 0xFF})
            ctx.set(port.w.valid, index in wanting)
        for _ in range(600):
            for index, port in enumerate(dut.ports):
                announced[index] += ctx.get(port.aw.valid) and ctx.get(port.aw.ready)
                answered[index] += ctx.get(port.b)
                assert answered[index] <= announced[index]
            await ctx.tick()
        for port in dut.ports:
            ctx.set(port.aw.valid, 0)
        for _ in range(100):
            for index, port in enumerate(dut.ports):
                answered[index] += ctx.get(port.b)
            await ctx.tick()

    simulate(dut, want, background=[memory.writes(dut.port)])
    assert answered == announced
    counts = [announced[index] for index in wanting]
    assert max(counts) - min(counts) <= 1
    assert sum(announced) == sum(counts) > 10
    assert memory.most_in_flight == outstanding
    for index in wanting:
        assert memory.data[4096 * index : 4096 * index + 8 * (index + 1)] == bytes([index + 1, *bytes(7)]) * (index + 1)


@pytest.mark.parametrize("arbiter", [ReadArbiter, WriteArbiter])
def test_parameters_are_checked(arbiter):
    with pytest.raises(ValueError, match=r"n is 0, allowed 1\.\.16"):
        arbiter(0)
    with pytest.raises(ValueError, match=r"outstanding is 65, allowed 2\.\.64"):
        arbiter(2, 65)
