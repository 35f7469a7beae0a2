"""The whole fabric of a Zynq-7000 board under a model of its processing system: whatever the accelerator does, every
access is answered, and what it computes equals golden. Registers hold anything before the reset."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cocotb.triggers import ClockCycles

from gatewright.spec.boards import get_board
from gatewright.spec.commands import Opcode
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import register
from gatewright_hw.bus.axi import BurstType, Resp
from gatewright_sim.benches.harness.board_driver import BoardDriver
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.gp_master import Access
from gatewright_sim.benches.harness.pauses import REGIMES
from gatewright_sim.benches.harness.port_checks import bursts_to_registers, interrupts
from gatewright_sim.benches.harness.programs import CONFIG, SIZE, Program, equal

__all__ = ["TABLE"]

BOARD = get_board("zybo-z7-10")
BASE = BOARD.registers_base


async def start(dut: Any) -> BoardDriver:
    """The driver of ``dut``, after a download."""
    driver = BoardDriver(dut, BOARD, CONFIG, SIZE)
    await driver.power_on()
    return driver


TABLE = Table(start)


@TABLE.case(1, 2, 3)
async def programs_under_traffic(driver: BoardDriver) -> None:
    """The first of them right after registers held anything."""
    async with driver.traffic() as traffic, driver.traffic_to_nobody() as other:
        for number in range(6):
            driver.ram.stall(driver.rng, REGIMES[number % len(REGIMES)])
            before = traffic.count
            assert (await equal(driver, Program.random(driver.rng, list(Opcode)))).code is ErrorCode.NONE
            assert traffic.count > before
    assert min(traffic.count, other.count) > 100


@TABLE.case(1, 2)
async def resets_in_mid_program(driver: BoardDriver) -> None:
    """A soft reset under traffic, or a download's with the memory port in mid-burst: the next program is right."""
    for number in range(8):
        program = Program.random(driver.rng, list(Opcode))
        driver.ram.write(0, program.memory.tobytes())
        driver.ram.stall(driver.rng, REGIMES[number % len(REGIMES)])
        async with driver.traffic() as traffic:
            await driver.start(program.commands, program.address)
            await ClockCycles(driver.dut.clk, int(driver.rng.integers(1, 1500)))
            if number % 2:
                await driver.soft_reset(cycles=20_000)
        if not number % 2:
            await driver.reset()
            assert await driver.read("PROGRAM_COUNT") == 0
        async with driver.traffic():
            first = replace(program, commands=program.commands[:1])
            assert (await equal(driver, first)).code is ErrorCode.NONE
        assert traffic.count


@TABLE.case()
async def a_hung_memory_port(driver: BoardDriver) -> None:
    """Whichever channel stops: the processor is answered, the watchdog says so, and a reset brings the accelerator
    back, be it a soft one that waits for the port or a download's that does not."""
    for number, channels in enumerate((("r",), ("ar",), ("aw",), ("w",), ("b",), ())):
        program = Program.random(driver.rng, [Opcode.VECTOR])
        driver.ram.write(0, program.memory.tobytes())
        driver.ram.hang(*channels)
        async with driver.traffic() as traffic:
            outcome = await driver.run(program.commands, program.address, watchdog=3000, cycles=20_000)
            assert outcome.code is ErrorCode.WATCHDOG
            await driver.control("reset")
            before = traffic.count
            await ClockCycles(driver.dut.clk, 1000)
            assert traffic.count > before + 20
            assert register("STATUS").extract(await driver.read("STATUS"), "busy")
            if number % 2:
                driver.ram.flow()
                await driver.soft_reset(cycles=20_000)
        if not number % 2:
            await driver.reset()
        async with driver.traffic():
            assert (await equal(driver, Program.random(driver.rng, list(Opcode)))).code is ErrorCode.NONE


@TABLE.case()
async def each_answer_has_its_ask(driver: BoardDriver) -> None:
    """Eight of each kind at once, with IDs of their own, also equal ones, and data whose ID is another."""
    offset = register("WATCHDOG").offset
    for equal_ids in (False, True):
        idents = [0x5A5] * 8 if equal_ids else [int(ident) for ident in driver.rng.choice(1 << 12, 8, replace=False)]
        values = [int(driver.rng.integers(1 << 32)) for _ in idents]
        writes = [
            driver.gp0.begin(Access(BASE + offset, id=ident, beats=[(value, 15)], wid=ident ^ 0xFFF, lead=lead))
            for ident, value, lead in zip(idents, values, (0, 9, -9, 3, -3, 1, -1, 0), strict=True)
        ]
        await driver.gp0.rest()
        assert [write.resp for write in writes] == [[Resp.OKAY]] * 8
        assert await driver.read("WATCHDOG") == values[-1]
        names = ("ID", "VERSION", "CONFIG_HASH_LO", "CONFIG_HASH_HI", "CAP_ARRAY", "CAP_BUFFERS", "WATCHDOG", "ERROR")
        reads = [
            driver.gp0.begin(Access(BASE + register(name).offset, id=ident))
            for name, ident in zip(names, idents, strict=True)
        ]
        await driver.gp0.rest()
        assert [access.data for access in reads] == [[await driver.read(name)] for name in names]


@TABLE.case()
async def a_wrapping_read_of_the_constants(driver: BoardDriver) -> None:
    """As a cache would fill a line: from the middle of it."""
    words = [await driver.read(name) for name in ("ID", "VERSION", "CONFIG_HASH_LO", "CONFIG_HASH_HI")]
    access = await driver.gp0.do(Access(BASE + 8, length=3, burst=int(BurstType.WRAP)))
    assert access.data == [*words[2:], *words[:2]]


@TABLE.case()
async def an_access_takes_few_cycles(driver: BoardDriver) -> None:
    """What the adapter costs, with a processor that does not pause."""
    driver.gp0.pauses = 0.0
    await driver.read("ID")  # waits for the reset's end
    read = await driver.gp0.do(Access(BASE))
    write = await driver.gp0.do(Access(BASE + register("WATCHDOG").offset, beats=[(1, 15)]))
    burst = await driver.gp0.do(Access(BASE, length=15))
    nothing = await driver.gp0.do(Access(0x7000_0000))
    assert (read.cycles, write.cycles, burst.cycles, nothing.cycles) == (5, 6, 65, 3)


TABLE.case(1, 2)(bursts_to_registers)
TABLE.case(1, 2)(interrupts)
