"""The top with engines that only copy: the watchdog, to the cycle, whatever a command ends by; and programs that are as
if a start that is ignored had not been asked for."""

from __future__ import annotations

from cocotb import start_soon
from cocotb.triggers import ClockCycles

from gatewright.spec.commands import AGGREGATE, VECTOR
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import REGISTERS, Access
from gatewright_hw.bus.axi import Resp
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.copies import OK, PROGRAM, TARGET, copy, start, works
from gatewright_sim.benches.harness.pauses import LATE
from gatewright_sim.benches.harness.program_driver import Outcome
from gatewright_sim.benches.harness.top_driver import TopDriver

__all__ = ["TABLE"]

TABLE = Table(start)

WRONG = copy(AGGREGATE, beats=3, cols=ErrorCode.BAD_INDEX << 24)
"""A command in whose data its engine finds something."""

BEGIN = 1
"""Cycles of a command before its time is counted: the one that asks for its fetch."""
END = 1
"""Cycles after it: where the program goes on, or ends without an error."""


def hung(index: int) -> Outcome:
    """The watchdog stopped this command."""
    return Outcome(0, 1, ErrorCode.WATCHDOG, 0, index)


async def at_its_limit(driver: TopDriver, program: list[bytes], cycles: int, index: int = 0) -> None:
    """Command ``index``, the program's slowest, may take as many ``cycles`` as it does, and not one less."""
    expected = await driver.run(program, PROGRAM)
    for limit in (cycles + 1, cycles):
        assert await driver.run(program, PROGRAM, watchdog=limit) == expected, f"limit {limit} of {cycles} cycles"
    for limit in (cycles - 1, cycles - 2):
        assert await driver.run(program, PROGRAM, watchdog=limit) == hung(index), f"limit {limit} of {cycles} cycles"
        await driver.soft_reset()
    await works(driver)


async def cycles_of(driver: TopDriver, program: list[bytes], around: int = BEGIN + END) -> int:
    """Those of a program's only command, between ``around``."""
    await driver.run(program, PROGRAM)
    return await driver.read("CYCLES") - around


@TABLE.case()
async def a_command_takes_exactly_its_limit(driver: TopDriver) -> None:
    """However it ends: by itself, refused, by what its engine found, by the bus."""
    for program in ([copy(beats=1)], [copy(VECTOR, beats=40)]):
        await at_its_limit(driver, program, await cycles_of(driver, program))
    for program in ([bytes(64)], [copy(beats=0)], [WRONG]):
        assert (await driver.run(program, PROGRAM)).code not in (ErrorCode.NONE, ErrorCode.WATCHDOG)
        await at_its_limit(driver, program, await cycles_of(driver, program, BEGIN))
    for direction, window in (("read", range(PROGRAM, PROGRAM + 8)), ("write", range(TARGET, TARGET + 8))):
        driver.ram.fail(direction, Resp.SLVERR, window)
        expected = await driver.run([copy()], PROGRAM)
        assert expected.code is ErrorCode[f"{direction.upper()}_SLVERR"]
        limit = await driver.read("CYCLES") - BEGIN
        assert await driver.run([copy()], PROGRAM, watchdog=limit) == expected
        assert await driver.run([copy()], PROGRAM, watchdog=limit - 1) == hung(0)
        await driver.soft_reset()
        driver.ram.fail(direction, Resp.OKAY)
    await works(driver)


@TABLE.case()
async def every_limit_below_stops_a_command_after_its_cycles(driver: TopDriver) -> None:
    program = [copy(beats=1)] * 2
    limits = range(1, await cycles_of(driver, program[:1]))
    for limit in limits:
        assert await driver.run(program, PROGRAM, watchdog=limit) == hung(0)
        assert await driver.read("CYCLES") == BEGIN + limit
        assert await driver.read("COMMANDS_GEMM") == 0
        await driver.soft_reset()
    await works(driver)


@TABLE.case()
async def each_command_has_its_own_time(driver: TopDriver) -> None:
    """The slow one is the first, one in the middle, or the last, on a memory without and with latency."""
    quick, slow = copy(beats=1), copy(beats=60, target=0x9000)
    for regime in (None, LATE):
        if regime:
            driver.ram.stall(driver.rng, regime)
        cycles = await cycles_of(driver, [slow])
        for index in range(3):
            program = [quick] * 3
            program[index] = slow
            await at_its_limit(driver, program, cycles, index)


@TABLE.case()
async def a_program_that_fetches_nothing_has_no_time(driver: TopDriver) -> None:
    for limit in (1, 2):
        assert await driver.run([], PROGRAM, watchdog=limit) == OK
        unaligned = Outcome(0, 1, ErrorCode.UNALIGNED, 0, 0)
        assert await driver.run([copy()], PROGRAM + 4, watchdog=limit) == unaligned


@TABLE.case()
async def the_largest_limit_is_none_for_long(driver: TopDriver) -> None:
    for limit in (0xFFFF_FFFF, 0x8000_0000, 0x0001_0000, 0x0000_8000):
        assert await driver.run([copy(beats=300, target=0x9000)], PROGRAM, watchdog=limit) == OK


@TABLE.case()
async def a_limit_of_many_bits(driver: TopDriver) -> None:
    limit = 0x1_0002
    driver.ram.hang("r")
    assert await driver.run([copy()], PROGRAM, watchdog=limit, cycles=limit + 1000) == hung(0)
    assert await driver.read("CYCLES") == BEGIN + limit
    driver.ram.flow()
    await driver.soft_reset()
    await works(driver)


async def snapshot(driver: TopDriver) -> dict[str, int]:
    """All that a program leaves in registers."""
    return {entry.name: await driver.read(entry.name) for entry in REGISTERS if entry.access is Access.RO}


@TABLE.case()
async def an_ignored_start_leaves_nothing_behind(driver: TopDriver) -> None:
    """Asked for at any time while a program runs, with another address and another count: registers and memory are in
    the end as without it, whatever the program ends by."""
    programs = ([copy(beats=3)] * 2, [copy(beats=1), WRONG], [copy(beats=1), bytes(64)], [copy(beats=20)])
    for program, watchdog in zip(programs, (0, 0, 0, 30), strict=True):
        driver.ram.write(TARGET, bytes(256))
        outcome = await driver.run(program, PROGRAM, watchdog=watchdog)
        await ClockCycles(driver.dut.clk, 60)  # the bus goes on after a watchdog's error
        expected, image = await snapshot(driver), driver.ram.read(TARGET, 256)
        if watchdog:
            await driver.soft_reset()
        for wait in range(0, max(1, expected["CYCLES"] - 20), 5):
            driver.ram.write(TARGET, bytes(256))
            await driver.start(program, PROGRAM, watchdog)
            changes = (("PROGRAM_COUNT", 9), ("PROGRAM_ADDR", 4))
            writes = [start_soon(driver.write(name, value)) for name, value in changes]
            await ClockCycles(driver.dut.clk, wait)
            for write in writes:
                await write
            await driver.control("start")
            if wait < 5:
                assert (await driver.outcome()).busy
            assert await driver.wait() == outcome
            await ClockCycles(driver.dut.clk, 60)
            assert await snapshot(driver) == expected, f"a start {wait} cycles after the first"
            assert driver.ram.read(TARGET, 256) == image
            if watchdog:
                await driver.soft_reset()
    await works(driver)


@TABLE.case()
async def a_start_with_or_within_a_reset_is_ignored(driver: TopDriver) -> None:
    assert await driver.run([copy(), bytes(64)], PROGRAM) == Outcome(0, 1, ErrorCode.BAD_OPCODE, 0, 1)
    kept = await snapshot(driver)
    counters = {name: value for name, value in kept.items() if name.startswith(("CYCLES", "COMMANDS", "READ", "WRITE"))}
    await driver.write("CONTROL", 0b11)
    await driver.soft_reset()
    for name, value in (await snapshot(driver)).items():
        assert value == counters.get(name, 0)
    await driver.start([copy(beats=100, target=0x9000)] * 2, PROGRAM)
    driver.ram.hang("r")
    await ClockCycles(driver.dut.clk, 60)
    await driver.control("reset")
    for _ in range(3):
        await driver.control("start")
    assert (await driver.outcome()).busy
    driver.ram.flow()
    await ClockCycles(driver.dut.clk, 400)
    assert await driver.outcome() == Outcome(0, 0, ErrorCode.NONE, 0, 0)
    assert (await driver.read("IRQ_STATUS"), int(driver.dut.irq.value)) == (0, 0)
    await works(driver)
