"""The whole accelerator: after a random program, memory and registers equal the golden machine's, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cocotb.triggers import ClockCycles

from gatewright.spec.commands import Opcode
from gatewright.spec.errors import ErrorCode
from gatewright_sim.benches.harness.cases import Case, Table
from gatewright_sim.benches.harness.pauses import REGIMES
from gatewright_sim.benches.harness.programs import CONFIG, SIZE, Program, equal
from gatewright_sim.benches.harness.top_driver import TopDriver
from gatewright_sim.commands import AggregateCommand

__all__ = ["TABLE"]


async def start(dut: Any) -> TopDriver:
    """The driver of ``dut``, reset."""
    driver = TopDriver(dut, SIZE)
    await driver.reset()
    return driver


def programs(name: str, opcodes: Sequence[Opcode], count: int) -> Case:
    """A case that is only data: so many random programs of these commands."""

    async def run(driver: TopDriver) -> None:
        for _ in range(count):
            driver.ram.stall(driver.rng, REGIMES[driver.rng.integers(len(REGIMES))])
            assert (await equal(driver, Program.random(driver.rng, opcodes))).code is ErrorCode.NONE

    return Case(name, run)


TABLE = Table(
    start,
    programs("gemm_programs", [Opcode.GEMM], 12),
    programs("attention_programs", [Opcode.ATTENTION], 10),
    programs("aggregate_programs", [Opcode.AGGREGATE], 12),
    programs("vector_programs", [Opcode.VECTOR], 12),
    programs("mixed_programs", list(Opcode), 10),
)


@TABLE.case()
async def resets_in_mid_command(driver: TopDriver) -> None:
    """Whatever state an engine is reset in, by either reset, the next program is right."""
    rng = driver.rng
    for number in range(12):
        program = Program.random(rng, list(Opcode))
        driver.ram.write(0, program.memory.tobytes())
        driver.ram.stall(rng, REGIMES[rng.integers(2)])
        await driver.start(program.commands, program.address)
        await ClockCycles(driver.dut.clk, int(rng.integers(1, 1500)))
        await (driver.soft_reset() if number % 2 else driver.reset())
        first = replace(program, commands=program.commands[:1])
        assert (await equal(driver, first)).code is ErrorCode.NONE


@TABLE.case()
async def errors_in_the_data(driver: TopDriver) -> None:
    """A wrong index or row pointer stops the program with the code that golden gives, after the rows before it; the
    next program is right."""
    rng, codes = driver.rng, set()
    faulty = list(AggregateCommand.faulty(rng, CONFIG))
    for bad, sound in zip(faulty[::2], faulty[1::2], strict=True):
        codes.add((await equal(driver, Program.of(rng, [sound, bad, sound]))).code)
        assert (await equal(driver, Program.of(rng, [sound]))).code is ErrorCode.NONE
    assert codes == {ErrorCode.BAD_INDEX, ErrorCode.BAD_ROW_POINTER}
