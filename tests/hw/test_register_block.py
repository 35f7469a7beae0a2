"""RegisterBlock: what a write and a read on the bus do to each kind of register. tests/sim/test_registers.py holds the
whole accelerator against the registers' words."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright.spec.registers import REGISTERS, Access, constants, register
from gatewright_hw.register_block import RegisterBlock
from gatewright_sim.components.axi_lite import axi_lite_read, axi_lite_write
from gatewright_sim.components.simulation import simulate

TINY = get_config("tiny")


def run(testbench: Any) -> None:
    dut = RegisterBlock(TINY)

    async def with_dut(ctx: Any) -> None:
        await testbench(ctx, dut)

    simulate(dut, with_dut)


@pytest.mark.parametrize("name", constants(TINY))
def test_constants_are_fixed(name: str) -> None:
    async def testbench(ctx: Any, dut: RegisterBlock) -> None:
        await axi_lite_write(ctx, dut.bus, register(name).offset, 0xFFFF_FFFF)
        assert await axi_lite_read(ctx, dut.bus, register(name).offset) == constants(TINY)[name]

    run(testbench)


@pytest.mark.parametrize("strobes", range(16))
def test_strobes_choose_the_bytes(strobes: int) -> None:
    async def testbench(ctx: Any, dut: RegisterBlock) -> None:
        offset = register("WATCHDOG").offset
        await axi_lite_write(ctx, dut.bus, offset, 0x1122_3344)
        await axi_lite_write(ctx, dut.bus, offset, 0xAABB_CCDD, strobes)
        mask = sum(0xFF << 8 * byte for byte in range(4) if strobes >> byte & 1)
        expected = (0x1122_3344 & ~mask) | (0xAABB_CCDD & mask)
        assert ctx.get(dut.watchdog) == await axi_lite_read(ctx, dut.bus, offset) == expected

    run(testbench)


@pytest.mark.parametrize("name", [entry.name for entry in REGISTERS if entry.access is Access.RO])
def test_what_is_read_only_shows_its_input(name: str, rng: np.random.Generator) -> None:
    entry = register(name)
    value = int(rng.integers(1 << 32))

    async def testbench(ctx: Any, dut: RegisterBlock) -> None:
        signal = getattr(dut, name.lower())
        ctx.set(signal.as_value() if entry.fields else signal, value)
        await axi_lite_write(ctx, dut.bus, entry.offset, 0)
        assert await axi_lite_read(ctx, dut.bus, entry.offset) == value & entry.mask

    run(testbench)


@pytest.mark.parametrize(("strobes", "acts"), [(0b1111, True), (0b0001, True), (0b1110, False), (0, False)])
def test_a_command_acts_for_one_cycle(strobes: int, acts: bool) -> None:
    async def testbench(ctx: Any, dut: RegisterBlock) -> None:
        await axi_lite_write(ctx, dut.bus, register("CONTROL").offset, 0xFFFF_FFFF, strobes)
        seen = []
        for _ in range(3):
            seen.append((ctx.get(dut.control.start), ctx.get(dut.control.reset)))
            await ctx.tick()
        assert seen == [(acts, acts), (0, 0), (0, 0)]

    run(testbench)


class TestWriteOneToClear:
    """IRQ_STATUS."""

    @staticmethod
    async def raised(ctx: Any, dut: RegisterBlock) -> None:
        ctx.set(dut.irq_status_set.done, 1)
        await ctx.tick()
        ctx.set(dut.irq_status_set.done, 0)
        assert ctx.get(dut.irq_status.done)

    @pytest.mark.parametrize(
        ("value", "strobes", "stays"), [(1, 0xF, False), (0, 0xF, True), (0xFFFF_FFFE, 0xF, True), (1, 0b1110, True)]
    )
    def test_ones_clear(self, value: int, strobes: int, stays: bool) -> None:
        async def testbench(ctx: Any, dut: RegisterBlock) -> None:
            await self.raised(ctx, dut)
            await axi_lite_write(ctx, dut.bus, register("IRQ_STATUS").offset, value, strobes)
            assert ctx.get(dut.irq_status.done) == stays

        run(testbench)

    def test_what_comes_in_the_cycle_of_its_clearing_stays(self) -> None:
        async def testbench(ctx: Any, dut: RegisterBlock) -> None:
            await self.raised(ctx, dut)
            ctx.set(dut.irq_status_set.done, 1)
            await axi_lite_write(ctx, dut.bus, register("IRQ_STATUS").offset, 1)
            ctx.set(dut.irq_status_set.done, 0)
            await ctx.tick()
            assert ctx.get(dut.irq_status.done)

        run(testbench)

    def test_the_clear_input_clears(self) -> None:
        async def testbench(ctx: Any, dut: RegisterBlock) -> None:
            await self.raised(ctx, dut)
            ctx.set(dut.irq_status_clear, 1)
            await ctx.tick()
            assert not ctx.get(dut.irq_status.done)

        run(testbench)


def test_an_answer_waits_for_the_master(rng: np.random.Generator) -> None:
    """Nothing is taken while the last answer is still there."""

    async def testbench(ctx: Any, dut: RegisterBlock) -> None:
        offset = register("PROGRAM_COUNT").offset
        await axi_lite_write(ctx, dut.bus, offset, 5)
        ctx.set(dut.bus.bready, 0)
        for name, content in (("awvalid", 1), ("wvalid", 1), ("wdata", 6)):
            ctx.set(getattr(dut.bus, name), content)
        for _ in range(int(rng.integers(2, 6))):
            await ctx.tick()
            assert ctx.get(dut.bus.bvalid)
            assert not ctx.get(dut.bus.awready)
        assert ctx.get(dut.program_count) == 5
        ctx.set(dut.bus.bready, 1)
        await ctx.tick().until(dut.bus.awready)
        assert ctx.get(dut.program_count) == 6

    run(testbench)
