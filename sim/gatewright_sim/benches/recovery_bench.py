"""The top with engines that only copy: what goes wrong on the bus, watchdog and resets, and that the next program is
right."""

from __future__ import annotations

from cocotb import start_soon
from cocotb.triggers import ClockCycles

from gatewright.spec.commands import AGGREGATE, ATTENTION
from gatewright.spec.errors import ErrorCode
from gatewright_hw.bus.axi import Resp
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.copies import OK, PROGRAM, SOURCE, TARGET, copy, inverted, start, works
from gatewright_sim.benches.harness.lite_watch import LiteWatch
from gatewright_sim.benches.harness.pauses import REGIMES, Stalls
from gatewright_sim.benches.harness.program_driver import Outcome
from gatewright_sim.benches.harness.top_driver import TopDriver

__all__ = ["TABLE"]

TABLE = Table(start)


@TABLE.case()
async def bus_errors_are_reported_and_forgotten(driver: TopDriver) -> None:
    program = [copy(beats=2), copy(ATTENTION, SOURCE, TARGET, 40), copy(AGGREGATE, beats=2)]
    last_beat = {"read": range(SOURCE + 8 * 39, SOURCE + 8 * 40), "write": range(TARGET + 8 * 39, TARGET + 8 * 40)}
    for direction in ("read", "write"):
        for response in (Resp.SLVERR, Resp.DECERR):
            driver.ram.fail(direction, response, last_beat[direction])
            outcome = await driver.run(program, PROGRAM)
            assert outcome == Outcome(0, 1, ErrorCode[f"{direction.upper()}_{response.name}"], 0, 1)
            assert await driver.read("COMMANDS_ATTENTION") == 0
            driver.ram.fail(direction, Resp.OKAY)
            await works(driver)


@TABLE.case()
async def a_bus_error_in_the_fetch_is_that_commands(driver: TopDriver) -> None:
    for response in (Resp.SLVERR, Resp.DECERR):
        driver.ram.fail("read", response, range(PROGRAM + 2 * 64 + 56, PROGRAM + 3 * 64))
        outcome = await driver.run([copy(beats=1)] * 4, PROGRAM)
        assert outcome == Outcome(0, 1, ErrorCode[f"READ_{response.name}"], 0, 2)
        driver.ram.fail("read", Resp.OKAY)
        await works(driver)


@TABLE.case()
async def the_first_cause_is_reported(driver: TopDriver) -> None:
    """Engine errors pass through; bus errors outrank them, reads before writes."""
    wrong = copy(AGGREGATE, beats=3, cols=ErrorCode.BAD_INDEX << 24)
    assert await driver.run([copy(), wrong, copy()], PROGRAM) == Outcome(0, 1, ErrorCode.BAD_INDEX, 0, 1)
    driver.ram.fail("write", Resp.SLVERR, range(TARGET, TARGET + 8))
    assert (await driver.run([wrong], PROGRAM)).code is ErrorCode.WRITE_SLVERR
    driver.ram.fail("read", Resp.DECERR, range(SOURCE, SOURCE + 8))
    assert (await driver.run([wrong], PROGRAM)).code is ErrorCode.READ_DECERR
    driver.ram.fail("read", Resp.OKAY)
    driver.ram.fail("write", Resp.OKAY)
    await works(driver, AGGREGATE)


@TABLE.case()
async def a_hung_bus_trips_the_watchdog(driver: TopDriver) -> None:
    for channels in (("r",), ("ar",), ("aw",), ("w",), ("b",), ()):
        driver.ram.hang(*channels)
        fetch = set(channels) & {"r", "ar"} or not channels
        outcome = await driver.run([copy(beats=30)], PROGRAM, watchdog=500, cycles=1000)
        assert outcome == Outcome(0, 1, ErrorCode.WATCHDOG, 0, 0)
        assert bool(await driver.read("CYCLES_GEMM")) != bool(fetch)
        # The host is told once.
        await driver.write("IRQ_STATUS", 1)
        await ClockCycles(driver.dut.clk, 20)
        assert not int(driver.dut.irq.value)
        # Without a reset nothing runs, but the host is told.
        assert (await driver.run([copy()], PROGRAM, watchdog=500, cycles=20)).code is ErrorCode.WATCHDOG
        # The reset waits for the bus to come to rest.
        await driver.control("reset")
        await ClockCycles(driver.dut.clk, 100)
        assert (await driver.outcome()).busy
        driver.ram.flow()
        await driver.soft_reset()
        assert await driver.outcome() == Outcome(0, 0, ErrorCode.NONE, 0, 0)
        await works(driver)


@TABLE.case()
async def a_hung_bus_and_a_hardware_reset(driver: TopDriver) -> None:
    for channels in (("r",), ("w",), ("b",)):
        driver.ram.hang(*channels)
        assert (await driver.run([copy(beats=30)], PROGRAM, watchdog=300)).code is ErrorCode.WATCHDOG
        driver.ram.flow()
        await driver.reset()
        assert await driver.read("PROGRAM_COUNT") == 0
        assert await driver.outcome() == Outcome(0, 0, ErrorCode.NONE, 0, 0)
        await works(driver)


@TABLE.case()
async def a_hardware_reset_in_mid_command(driver: TopDriver) -> None:
    for _ in range(8):
        driver.ram.stall(driver.rng, Stalls.both(0.3))
        await driver.start([copy(beats=200, target=0x9000)] * 3, PROGRAM)
        await ClockCycles(driver.dut.clk, int(driver.rng.integers(1, 900)))
        await driver.reset()
        driver.ram.flow()
        assert await driver.outcome() == Outcome(0, 0, ErrorCode.NONE, 0, 0)
        await works(driver)


@TABLE.case()
async def a_soft_reset_in_mid_command(driver: TopDriver) -> None:
    """Every transaction that is open when the reset is asked for still ends, and none writes a byte that it should
    not."""
    for number in range(12):
        driver.ram.write(0x8000, bytes(0x8000))
        source = driver.ram.read(SOURCE, 8 * 200)
        driver.ram.stall(driver.rng, REGIMES[number % len(REGIMES)])
        await driver.start([copy(beats=200, target=0x9000)] * 3, PROGRAM)
        await ClockCycles(driver.dut.clk, int(driver.rng.integers(1, 900)))
        await driver.soft_reset()
        assert await driver.outcome() == Outcome(0, 0, ErrorCode.NONE, 0, 0)
        written = driver.ram.read(0x9000, 8 * 200)
        allowed = inverted(source)
        assert all(written[i : i + 8] in (bytes(8), allowed[i : i + 8]) for i in range(0, len(written), 8))
        assert not any(driver.ram.read(0x8000, 0x1000) + driver.ram.read(0x9000 + 8 * 200, 0x1000))
        await works(driver)
        driver.ram.flow()


@TABLE.case()
async def a_soft_reset_does_not_wait_for_commands(driver: TopDriver) -> None:
    """Only for what is under way on the bus: a few bursts, however much is left of the program."""
    for wait in (40, 100, 300):
        driver.ram.write(0x9000, bytes(8 * 600))
        await driver.start([copy(beats=600, target=0x9000)] * 3, PROGRAM)
        await ClockCycles(driver.dut.clk, wait)
        await driver.soft_reset()
        written = driver.ram.read(0x9000, 8 * 600)
        assert written[-8:] == bytes(8), "the command went on to its end"
        await works(driver)


@TABLE.case()
async def a_start_is_taken_as_soon_as_a_soft_reset_is_over(driver: TopDriver) -> None:
    """On a bus at rest: in the third cycle after it was asked for, and in any later one."""
    watch, taken = LiteWatch(driver.dut), {}
    for wait in range(6):
        await works(driver)
        writes = [start_soon(driver.control("reset"))]
        await ClockCycles(driver.dut.clk, wait)
        writes.append(start_soon(driver.control("start")))
        for write in writes:
            await write
        (asked, _), (started, _) = watch.writes[-2:]
        await ClockCycles(driver.dut.clk, 150)
        taken[started - asked] = await driver.outcome() == OK
    assert taken == {cycles: cycles >= 3 for cycles in taken}
    assert {2, 3} <= taken.keys()
