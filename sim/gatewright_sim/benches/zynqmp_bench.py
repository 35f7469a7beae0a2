"""The fabric of a Zynq UltraScale+ board, with engines that only copy, under a model of its processing system.
Registers hold anything when it is configured, and there is no reset from outside."""

from __future__ import annotations

from typing import Any

from cocotb.triggers import ClockCycles

from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright_sim.benches.harness.board_driver import BoardDriver
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.copies import PROGRAM, copy, works
from gatewright_sim.benches.harness.pauses import REGIMES
from gatewright_sim.benches.harness.port_checks import bursts_to_registers, interrupts

__all__ = ["TABLE"]

BOARD = get_board("kv260")


async def start(dut: Any) -> BoardDriver:
    """The driver of ``dut``, which may still be in its own reset: what is asked until then waits."""
    driver = BoardDriver(dut, BOARD, get_config("tiny"))
    await driver.power_on()
    return driver


TABLE = Table(start)


@TABLE.case(1, 2, 3)
async def programs_under_traffic(driver: BoardDriver) -> None:
    async with driver.traffic() as traffic:
        for regime in REGIMES:
            driver.ram.stall(driver.rng, regime)
            await works(driver)
    assert traffic.count > 50


@TABLE.case()
async def soft_resets_in_mid_program(driver: BoardDriver) -> None:
    for number in range(8):
        driver.ram.stall(driver.rng, REGIMES[number % len(REGIMES)])
        async with driver.traffic():
            await driver.start([copy(beats=200, target=0x9000)] * 3, PROGRAM)
            await ClockCycles(driver.dut.clk, int(driver.rng.integers(1, 900)))
            await driver.soft_reset(cycles=20_000)
            await works(driver)


@TABLE.case()
async def a_hung_memory_port(driver: BoardDriver) -> None:
    for channels in (("r",), ("aw",), ("w",), ()):
        driver.ram.hang(*channels)
        async with driver.traffic() as traffic:
            outcome = await driver.run([copy(beats=30)], PROGRAM, watchdog=500, cycles=5000)
            assert outcome.code is ErrorCode.WATCHDOG
            before = traffic.count
            await ClockCycles(driver.dut.clk, 1000)
            assert traffic.count > before + 20
            driver.ram.flow()
            await driver.soft_reset(cycles=20_000)
            await works(driver)


TABLE.case(1, 2)(bursts_to_registers)
TABLE.case(1, 2)(interrupts)
