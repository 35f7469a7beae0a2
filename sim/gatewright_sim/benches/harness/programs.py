"""Random programs, and what the golden machine makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import Opcode
from gatewright.spec.config import get_config
from gatewright.spec.memory import COMMAND_BYTES
from gatewright.spec.registers import ENGINES, register
from gatewright_sim.benches.harness.program_driver import Outcome, ProgramDriver
from gatewright_sim.commands import RANDOM, Command, Layout, LayoutFull
from gatewright_sim.golden.machine import GoldenMachine
from gatewright_sim.memory import SimulatedMemory

__all__ = ["CONFIG", "SIZE", "Program", "equal"]

CONFIG = get_config("tiny")
SIZE = 1 << 17
"""Bytes of memory, from address 0 on."""
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


async def equal(driver: ProgramDriver, program: Program) -> Outcome:
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
