"""The whole accelerator: after a random program, memory and registers equal the golden machine's, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from cocotb.triggers import ClockCycles

from gatewright.spec.commands import Opcode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import COMMAND_BYTES
from gatewright.spec.registers import ENGINES, register
from gatewright_sim.benches.harness.cases import Case, Table
from gatewright_sim.benches.harness.pauses import REGIMES
from gatewright_sim.benches.harness.top_driver import Outcome, TopDriver
from gatewright_sim.commands import RANDOM, AggregateCommand, Command, Layout, LayoutFull
from gatewright_sim.golden.machine import GoldenMachine
from gatewright_sim.memory import SimulatedMemory

__all__ = ["TABLE"]

CONFIG = get_config("tiny")
SIZE = 1 << 17
COMPARED = ("STATUS", "ERROR", "ERROR_INDEX", "COMMAND_INDEX", *(f"COMMANDS_{engine.upper()}" for engine in ENGINES))


@dataclass(frozen=True)
class Program:
    """Commands one after the other, the memory before they run, and where they lie in it."""

    memory: npt.NDArray[np.uint8]
    address: int
    commands: list[bytes]

    @classmethod
    def of(cls, rng: np.random.Generator, commands: Iterable[Command]) -> Program:
        """With the operands of as many commands as the memory holds."""
        layout = Layout(rng, SIZE)
        placed: list[bytes] = []
        address, _ = layout.put(np.zeros(8 * COMMAND_BYTES, np.uint8))
        try:
            placed.extend(command.place(layout).command for command in commands)
        except LayoutFull:
            assert placed
        return cls(layout.before, address, placed)

    @classmethod
    def random(cls, rng: np.random.Generator, opcodes: Sequence[Opcode]) -> Program:
        """One to four commands."""
        chosen = (opcodes[rng.integers(len(opcodes))] for _ in range(rng.integers(1, 5)))
        return cls.of(rng, (RANDOM[opcode](rng, CONFIG) for opcode in chosen))

    def golden(self) -> GoldenMachine:
        """The golden machine after the program."""
        memory = SimulatedMemory(0, SIZE)
        memory.array[:] = self.memory
        image = np.frombuffer(b"".join(self.commands), np.uint8)
        memory.array[self.address : self.address + len(image)] = image
        machine = GoldenMachine(CONFIG, memory)
        for name, value in (("PROGRAM_ADDR", self.address), ("PROGRAM_COUNT", len(self.commands)), ("CONTROL", 1)):
            machine.write(register(name).offset, value)
        assert machine.run()
        return machine


async def start(dut: Any) -> TopDriver:
    """The driver of ``dut``, reset."""
    driver = TopDriver(dut, SIZE)
    await driver.reset()
    return driver


async def equal(driver: TopDriver, program: Program) -> Outcome:
    """Run the program on both, compare, and return how it ended."""
    machine = program.golden()
    driver.ram.write(0, program.memory.tobytes())
    cycles = 60_000 * len(program.commands)
    outcome = await driver.run(program.commands, program.address, watchdog=50_000, cycles=cycles)
    for name in COMPARED:
        assert await driver.read(name) == machine.read(register(name).offset), f"{name} differs from golden"
    found = np.frombuffer(driver.ram.read(0, SIZE), np.uint8)
    wrong = np.flatnonzero(found != machine.memory.array)
    what = " ".join(command.hex() for command in program.commands)
    assert not len(wrong), f"{len(wrong)} bytes differ from golden, the first at {wrong[0]:#x}: {what}"
    return outcome


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
