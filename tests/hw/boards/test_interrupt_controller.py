"""InterruptController: transparent until software speaks to it, then what PYNQ's interrupt.py expects of one."""

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from gatewright.spec.interrupt_controller import INTERRUPT_REGISTERS, interrupt_register
from gatewright.spec.registers import Access
from gatewright_hw.boards.interrupt_controller import InterruptController
from gatewright_hw.bus.axi import Resp
from gatewright_sim.components.axi_lite import axi_lite_read, axi_lite_write
from gatewright_sim.components.simulation import simulate

OFFSETS = {entry.name: entry.offset for entry in INTERRUPT_REGISTERS}
WAKING = ("IER", "SIE", "CIE", "MER")


def run(testbench: Callable[..., Awaitable[None]]) -> None:
    dut = InterruptController()

    async def with_dut(ctx: Any) -> None:
        await testbench(ctx, dut)

    simulate(dut, with_dut)


async def irq_for(ctx: Any, dut: InterruptController, interrupt: int) -> int:
    """``irq`` a cycle after ``interrupt`` has the given value."""
    ctx.set(dut.interrupt, interrupt)
    await ctx.tick()
    return int(ctx.get(dut.irq))


async def write(ctx: Any, dut: InterruptController, name: str, value: int, strobes: int = 0xF) -> None:
    await axi_lite_write(ctx, dut.bus, OFFSETS[name], value, strobes)
    await ctx.tick()


async def read(ctx: Any, dut: InterruptController, name: str) -> int:
    return await axi_lite_read(ctx, dut.bus, OFFSETS[name])


def test_the_offsets_are_those_of_the_axi_intc() -> None:
    """PG099, table 2-4."""
    assert OFFSETS == {"ISR": 0, "IPR": 4, "IER": 8, "IAR": 0xC, "SIE": 0x10, "CIE": 0x14, "MER": 0x1C}
    assert interrupt_register("MER").access is Access.RW


def test_after_reset_it_is_transparent_and_reading_leaves_it_so() -> None:
    async def testbench(ctx: Any, dut: InterruptController) -> None:
        for name in OFFSETS:
            assert await read(ctx, dut, name) == 0
            assert [await irq_for(ctx, dut, value) for value in (0, 1, 1, 0, 1)] == [0, 1, 1, 0, 1]
        for name in ("ISR", "IPR", "IAR"):  # nor do registers that enable nothing
            await write(ctx, dut, name, 1)
            assert await irq_for(ctx, dut, 1) == 1

    run(testbench)


@pytest.mark.parametrize("name", WAKING)
@pytest.mark.parametrize("value", [0, 1])
def test_a_write_ends_the_transparency(name: str, value: int) -> None:
    async def testbench(ctx: Any, dut: InterruptController) -> None:
        await write(ctx, dut, name, value)
        assert await irq_for(ctx, dut, 1) == 0

    run(testbench)


@pytest.mark.parametrize("name", WAKING)
def test_a_write_of_other_bytes_does_nothing(name: str) -> None:
    async def testbench(ctx: Any, dut: InterruptController) -> None:
        await write(ctx, dut, name, 0xFFFF_FFFF, strobes=0xE)
        assert await irq_for(ctx, dut, 1) == 1

    run(testbench)


@pytest.mark.parametrize("enable", [0, 1])
@pytest.mark.parametrize("master", range(4))
@pytest.mark.parametrize("interrupt", [0, 1])
def test_what_the_registers_show_and_pass_on(enable: int, master: int, interrupt: int) -> None:
    async def testbench(ctx: Any, dut: InterruptController) -> None:
        await write(ctx, dut, "IER", enable)
        await write(ctx, dut, "MER", master)
        assert await irq_for(ctx, dut, interrupt) == (interrupt and enable and master == 3)
        shown = {name: await read(ctx, dut, name) for name in OFFSETS}
        status = int(interrupt and master >= 2)
        assert shown == {
            "ISR": status, "IPR": status & enable, "IER": enable, "MER": master, "IAR": 0, "SIE": 0, "CIE": 0
        }  # fmt: skip

    run(testbench)


def test_bits_of_the_enable_are_set_and_cleared() -> None:
    async def testbench(ctx: Any, dut: InterruptController) -> None:
        writes = (
            ("SIE", 0, 0),
            ("CIE", 0, 0),
            ("SIE", 1, 1),
            ("CIE", 0, 1),
            ("SIE", 2, 1),
            ("CIE", 3, 0),
            ("CIE", 2, 0),
        )
        for name, value, enabled in writes:
            await write(ctx, dut, name, value)
            assert await read(ctx, dut, "IER") == enabled

    run(testbench)


def test_pynq_s_wait() -> None:
    """pynq/interrupt.py: ``_InterruptController.__init__``, then ``add_event`` and ``set`` for each wait. A block that
    ends its level late, after the acknowledgement, interrupts once all the same."""

    async def testbench(ctx: Any, dut: InterruptController) -> None:
        await write(ctx, dut, "IER", 0)
        for _ in range(3):
            await write(ctx, dut, "SIE", 1)
            await write(ctx, dut, "MER", 3)
            assert await irq_for(ctx, dut, 0) == 0, "nothing is left of the interrupt before"
            assert await irq_for(ctx, dut, 1) == 1
            pending = await read(ctx, dut, "IPR")
            assert pending == 1
            await write(ctx, dut, "CIE", 1)
            assert await irq_for(ctx, dut, 1) == 0, "the processor's line is let go of"
            await write(ctx, dut, "IAR", pending)
            assert await irq_for(ctx, dut, 0) == 0

    run(testbench)


def test_accesses_in_any_rhythm(rng: np.random.Generator) -> None:
    """Addresses ahead of their data, answers that wait: each is answered once."""

    async def testbench(ctx: Any, dut: InterruptController) -> None:
        bus = dut.bus
        for number in range(40):
            value = number & 1
            ctx.set(bus.awaddr, OFFSETS["IER"])
            ctx.set(bus.wdata, value)
            ctx.set(bus.wstrb, 0xF)
            ctx.set(bus.bready, 0)
            first, second = (bus.awvalid, bus.wvalid) if rng.integers(2) else (bus.wvalid, bus.awvalid)
            ctx.set(first, 1)
            for _ in range(rng.integers(3)):
                assert not ctx.get(bus.awready)
                await ctx.tick()
            ctx.set(second, 1)
            await ctx.tick().until(bus.awready & bus.wready)
            ctx.set(bus.awvalid, 0)
            ctx.set(bus.wvalid, 0)
            for _ in range(rng.integers(4)):
                assert ctx.get(bus.bvalid)
                await ctx.tick()
            ctx.set(bus.bready, 1)
            await ctx.tick()
            assert not ctx.get(bus.bvalid)
            assert await read(ctx, dut, "IER") == value

    run(testbench)


def test_an_answer_that_waits_is_not_lost_to_the_next_access() -> None:
    async def testbench(ctx: Any, dut: InterruptController) -> None:
        bus = dut.bus
        await write(ctx, dut, "IER", 1)
        for name, other in (("IER", "MER"), ("MER", "IER")):
            ctx.set(bus.rready, 0)
            for asked in (name, other):
                ctx.set(bus.araddr, OFFSETS[asked])
                ctx.set(bus.arvalid, 1)
                if asked == name:
                    await ctx.tick().until(bus.arready)
            for _ in range(6):
                assert (ctx.get(bus.rvalid), ctx.get(bus.rdata)) == (1, int(name == "IER"))
                assert not ctx.get(bus.arready)
                await ctx.tick()
            ctx.set(bus.rready, 1)
            await ctx.tick()
            await ctx.tick().until(bus.arready)
            ctx.set(bus.arvalid, 0)
            assert (ctx.get(bus.rvalid), ctx.get(bus.rdata)) == (1, int(other == "IER"))
            await ctx.tick()

    run(testbench)


def test_an_acknowledgement_that_waits_holds_the_next_write_back() -> None:
    async def testbench(ctx: Any, dut: InterruptController) -> None:
        bus = dut.bus
        ctx.set(bus.bready, 0)
        ctx.set(bus.wstrb, 0xF)
        for value in (1, 0):
            for signal, content in (
                (bus.awaddr, OFFSETS["IER"]),
                (bus.wdata, value),
                (bus.awvalid, 1),
                (bus.wvalid, 1),
            ):
                ctx.set(signal, content)
            if value:
                await ctx.tick().until(bus.awready)
        for _ in range(6):
            assert (ctx.get(bus.bvalid), ctx.get(bus.bresp)) == (1, Resp.OKAY)
            assert not ctx.get(bus.awready)
            await ctx.tick()
        assert await read(ctx, dut, "IER") == 1
        ctx.set(bus.bready, 1)
        await ctx.tick()
        await ctx.tick().until(bus.awready)
        ctx.set(bus.awvalid, 0)
        ctx.set(bus.wvalid, 0)
        await ctx.tick()
        assert await read(ctx, dut, "IER") == 0

    run(testbench)
