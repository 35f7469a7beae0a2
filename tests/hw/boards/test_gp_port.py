# amaranth: UnusedElaboratable=no
"""GpPort: what each kind of access is answered with, and that nothing stays unanswered. The benches of boards add
traffic at random, with the accelerator behind it."""

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal

from gatewright_hw.boards.gp_port import GpPort
from gatewright_hw.boards.ps7_ports import AXI_PORTS
from gatewright_hw.bus.axi import Axi3, Axi4, BurstType, Resp
from gatewright_sim.bursts import beat_addresses
from gatewright_sim.components.axi_gp import axi_read, axi_write
from gatewright_sim.components.simulation import simulate

WINDOW = range(0x4000_0000, 0x4001_0000)
BLOCK = range(WINDOW.start, WINDOW.start + 0x1000)
M_AXI_GP0 = AXI_PORTS["M_AXI_GP0"]
PORTS = {"AXI3": M_AXI_GP0, "AXI4": Axi4(id_bits=16, address_bits=40, data_bits=32)}
OKAY, DECERR = Resp.OKAY, Resp.DECERR
ALL_BYTES = 15


class Registers:
    """An AXI4-Lite slave that takes addresses and data apart, and its time. 1024 words, in ``data``."""

    def __init__(self, bus: Any, rng: np.random.Generator) -> None:
        self.data = bytearray(rng.bytes(4096))
        self._bus, self._rng = bus, rng
        self.error: Resp = OKAY
        self.pages: list[int] = []

    async def _pause(self, ctx: Any) -> None:
        for _ in range(self._rng.integers(4)):
            await ctx.tick()

    async def _take(self, ctx: Any, channel: str, *names: str) -> list[int]:
        await self._pause(ctx)
        ready, valid = (getattr(self._bus, f"{channel}{name}") for name in ("ready", "valid"))
        ctx.set(ready, 1)
        values = await ctx.tick().sample(*(getattr(self._bus, channel + name) for name in names)).until(valid)
        ctx.set(ready, 0)
        return [int(value) for value in values]

    async def _answer(self, ctx: Any, channel: str, **fields: int) -> None:
        await self._pause(ctx)
        for name, value in {**fields, "valid": 1}.items():
            ctx.set(getattr(self._bus, channel + name), value)
        await ctx.tick().until(getattr(self._bus, f"{channel}ready"))
        ctx.set(getattr(self._bus, f"{channel}valid"), 0)

    async def reads(self, ctx: Any) -> None:
        while True:
            (addr,) = await self._take(ctx, "ar", "addr")
            self.pages.append(addr & ~0xFFF)
            addr &= 0xFFF
            word = int.from_bytes(self.data[addr & ~3 : (addr & ~3) + 4], "little")
            await self._answer(ctx, "r", data=word, resp=self.error)

    async def writes(self, ctx: Any) -> None:
        while True:
            if self._rng.integers(2):
                (addr,) = await self._take(ctx, "aw", "addr")
                data, strobes = await self._take(ctx, "w", "data", "strb")
            else:
                data, strobes = await self._take(ctx, "w", "data", "strb")
                (addr,) = await self._take(ctx, "aw", "addr")
            assert not ctx.get(self._bus.awvalid), "an address is offered once"
            assert not ctx.get(self._bus.wvalid), "and so are its data"
            self.pages.append(addr & ~0xFFF)
            self.store(addr & 0xFFF, data, strobes)
            await self._answer(ctx, "b", resp=self.error)

    def store(self, addr: int, data: int, strobes: int) -> None:
        for lane in range(4):
            if strobes >> lane & 1:
                self.data[(addr & ~3) + lane] = data >> 8 * lane & 0xFF


def run(
    testbench: Callable[[Any, Any, Registers], Awaitable[None]],
    rng: np.random.Generator,
    port: Axi3 | Axi4 = M_AXI_GP0,
    window: range | None = WINDOW,
    reset: Signal | None = None,
    blocks: tuple[int, ...] = (0,),
) -> None:
    """``testbench`` on a port with registers behind it."""
    gp = GpPort(port, window, blocks)
    registers = Registers(gp.bus, rng)

    async def with_dut(ctx: Any) -> None:
        await testbench(ctx, gp.port, registers)

    dut = gp if reset is None else ResetInserter(reset)(gp)
    simulate(dut, with_dut, background=(registers.reads, registers.writes), cycles=40_000)


def words(data: bytes, places: list[int]) -> list[int]:
    return [int.from_bytes(data[place & 0xFFC : (place & 0xFFC) + 4], "little") for place in places]


@pytest.mark.parametrize("kind", list(BurstType), ids=lambda kind: kind.name)
@pytest.mark.parametrize("port", PORTS)
def test_bursts(port: str, kind: BurstType, rng: np.random.Generator) -> None:
    """Each beat reads the word that its address lies in; a write's bytes go to the beats' words; the ID comes back."""

    async def testbench(ctx: Any, dut: Any, registers: Registers) -> None:
        for number in range(24):
            size, length = number % 3, int(rng.choice([1, 3, 7, 15]) if kind is BurstType.WRAP else rng.integers(16))
            block = length + 1 << size
            addr = BLOCK.start + int(rng.integers(4096 // block)) * block
            if kind is BurstType.WRAP:
                addr += int(rng.integers(length + 1)) << size
            fields = {"addr": addr, "size": size, "burst": int(kind), "id": int(rng.integers(1 << len(dut.arid)))}
            fields["lock"] = int(rng.integers(1 << len(dut.arlock)))
            places = [place % 4096 for place in beat_addresses(addr, length, size, kind)]
            answer = await axi_read(ctx, dut, len=length, **fields)
            assert (answer.id, answer.resp) == (fields["id"], [OKAY] * len(places))
            assert answer.data == words(registers.data, places)

            beats = [(int(rng.integers(1 << 32)), int(rng.integers(16))) for _ in places]
            expected = Registers(None, rng)
            expected.data[:] = registers.data
            for place, (data, strobes) in zip(places, beats, strict=True):
                expected.store(place, data, strobes)
            answer = await axi_write(ctx, dut, beats, lead=int(rng.integers(-6, 7)), **fields)
            assert (answer.id, answer.resp) == (fields["id"], [OKAY])
            assert registers.data == expected.data

    run(testbench, rng, PORTS[port])


@pytest.mark.parametrize(
    ("addr", "resp"),
    [
        (WINDOW.start + 0x1000, OKAY),
        (WINDOW.stop - 64, OKAY),
        (WINDOW.stop, DECERR),
        (WINDOW.start - 64, DECERR),
        (0x7FFF_FFC0, DECERR),
        (0xFFFF_FFC0, DECERR),
        (0, DECERR),
    ],
    ids=hex,
)
@pytest.mark.parametrize("length", [0, 1, 15])
def test_where_no_register_lies(addr: int, resp: Resp, length: int, rng: np.random.Generator) -> None:
    async def testbench(ctx: Any, dut: Any, registers: Registers) -> None:
        before = bytes(registers.data)
        answer = await axi_read(ctx, dut, addr=addr, len=length, id=9)
        assert (answer.id, answer.data, answer.resp) == (9, [0] * (length + 1), [resp] * (length + 1))
        answer = await axi_write(ctx, dut, [(0xFFFF_FFFF, ALL_BYTES)] * (length + 1), addr=addr, id=9)
        assert (answer.id, answer.resp) == (9, [resp])
        assert registers.data == before
        assert (await axi_read(ctx, dut, addr=BLOCK.start)).resp == [OKAY]

    run(testbench, rng)


def test_several_blocks_are_reached_by_their_offset(rng: np.random.Generator) -> None:
    async def testbench(ctx: Any, dut: Any, registers: Registers) -> None:
        for page in range(0, len(WINDOW), 0x1000):
            registers.pages.clear()
            answer = await axi_read(ctx, dut, addr=WINDOW.start + page, len=1)
            there = page in (0, 0x8000)
            assert answer.data == (words(registers.data, [0, 4]) if there else [0, 0])
            assert (await axi_write(ctx, dut, [(1, ALL_BYTES)], addr=WINDOW.start + page)).resp == [OKAY]
            assert registers.pages == ([page] * 3 if there else [])

    run(testbench, rng, blocks=(0, 0x8000))


@pytest.mark.parametrize("offset", [0x800, 0x1_0000, -0x1000])
def test_the_blocks_are_checked(offset: int) -> None:
    with pytest.raises(ValueError, match=r"a block lies at .*, allowed: multiples of 0x1000 below 0x10000"):
        GpPort(M_AXI_GP0, WINDOW, (0, offset))


def test_addresses_above_4_gib_are_outside(rng: np.random.Generator) -> None:
    async def testbench(ctx: Any, dut: Any, registers: Registers) -> None:
        assert (await axi_read(ctx, dut, addr=BLOCK.start | 1 << 39)).resp == [DECERR]
        assert (await axi_read(ctx, dut, addr=BLOCK.start)).data == words(registers.data, [0])

    run(testbench, rng, PORTS["AXI4"])


def test_without_a_window_all_is_outside(rng: np.random.Generator) -> None:
    async def testbench(ctx: Any, dut: Any, _registers: Registers) -> None:
        for addr in (0, BLOCK.start, 0x8000_0000, 0xBFFF_FFFC):
            assert (await axi_read(ctx, dut, addr=addr, len=3)).resp == [DECERR] * 4
            assert (await axi_write(ctx, dut, [(1, ALL_BYTES)] * 16, addr=addr)).resp == [DECERR]

    run(testbench, rng, window=None)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("burst", range(4))
@pytest.mark.parametrize("length", [0, 4, 15])
def test_bursts_that_axi_does_not_have_end_too(size: int, burst: int, length: int, rng: np.random.Generator) -> None:
    """Wrapping bursts of 5 beats, beats wider than the bus, the reserved type, a burst over the window's end."""

    async def testbench(ctx: Any, dut: Any, registers: Registers) -> None:
        for addr in (BLOCK.stop - 8, WINDOW.stop - 8):
            fields = {"addr": addr, "size": size, "burst": burst}
            assert len((await axi_read(ctx, dut, len=length, **fields)).data) == length + 1
            await axi_write(ctx, dut, [(0, 0)] * (length + 1), **fields)
        assert (await axi_read(ctx, dut, addr=BLOCK.start)).data == words(registers.data, [0])

    run(testbench, rng)


def test_an_error_of_the_registers_is_passed_on(rng: np.random.Generator) -> None:
    async def testbench(ctx: Any, dut: Any, registers: Registers) -> None:
        registers.error = Resp.SLVERR
        assert (await axi_read(ctx, dut, addr=BLOCK.start, len=1)).resp == [Resp.SLVERR] * 2
        assert (await axi_write(ctx, dut, [(0, 0)] * 2, addr=BLOCK.start)).resp == [Resp.SLVERR]
        registers.error = OKAY
        assert (await axi_write(ctx, dut, [(0, 0)], addr=BLOCK.start)).resp == [OKAY]

    run(testbench, rng)


def test_in_reset_it_takes_nothing_and_afterwards_all(rng: np.random.Generator) -> None:
    reset = Signal()

    async def testbench(ctx: Any, dut: Any, registers: Registers) -> None:
        ctx.set(reset, 1)
        await ctx.tick()
        for name in ("arvalid", "awvalid", "wvalid", "bready"):
            ctx.set(getattr(dut, name), 1)
        for _ in range(5):
            assert not any(ctx.get(getattr(dut, name)) for name in ("arready", "awready", "wready", "rvalid", "bvalid"))
            await ctx.tick()
        ctx.set(reset, 0)
        answer = await axi_read(ctx, dut, addr=BLOCK.start, id=3)
        assert (answer.id, answer.data) == (3, words(registers.data, [0]))
        assert (await axi_write(ctx, dut, [(5, ALL_BYTES)], addr=BLOCK.start, id=4)).id in (0, 4)

    run(testbench, rng, reset=reset)


@pytest.mark.parametrize(
    "window",
    [range(0x4000_0000, 0x4000_0800), range(0x4000_0000, 0x4000_3000), range(0x4000_8000, 0x4001_8000)],
    ids=str,
)
def test_the_window_is_checked(window: range) -> None:
    with pytest.raises(ValueError, match="a power of two of at least 4096 bytes at a multiple of its size"):
        GpPort(M_AXI_GP0, window)


def test_the_width_is_checked() -> None:
    with pytest.raises(ValueError, match="the port has 64 bits of data, allowed 32"):
        GpPort(AXI_PORTS["S_AXI_HP0"], WINDOW)
