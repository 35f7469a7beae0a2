"""Runs programs on an accelerator in cocotb, whatever its ports are: registers by name, programs to their end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, First, RisingEdge

from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import register
from gatewright_sim.benches.harness.pauses import Stalls

__all__ = ["BenchMemory", "Outcome", "ProgramDriver"]


@dataclass(frozen=True)
class Outcome:
    """How a program ended: the registers STATUS, ERROR and ERROR_INDEX, taken apart."""

    busy: int
    done: int
    code: ErrorCode
    detail: int
    index: int


class BenchMemory(Protocol):
    """What a driver's memory offers."""

    @property
    def open_bursts(self) -> int:
        """Bursts that were taken and are not answered whole."""

    def read(self, address: int, length: int, /) -> bytes:
        """``length`` bytes at ``address``."""

    def write(self, address: int, data: bytes, /) -> None:
        """Set the bytes at ``address``."""

    def stall(self, rng: np.random.Generator, stalls: Stalls) -> None:
        """Hold channels back at random from now on; ends a hang."""

    def flow(self) -> None:
        """Nothing is held back any more."""

    def hang(self, *names: str) -> None:
        """Stop channels (ar, r, aw, w, b; all when none is named) until :meth:`stall` or :meth:`flow`."""


class ProgramDriver(ABC):
    """Registers, memory and interrupt of a design.

    Parameters
    ----------
    dut : cocotb's handle of the design, with ports ``clk`` and ``irq``.
    ram : its memory.

    Attributes
    ----------
    rng : seeded by cocotb's seed.
    """

    def __init__(self, dut: Any, ram: BenchMemory) -> None:
        self.dut = dut
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        self.ram = ram

    @abstractmethod
    async def reset(self) -> None:
        """The hardware reset, of the design and of the models around it."""

    @abstractmethod
    async def read(self, name: str) -> int:
        """A register's value."""

    @abstractmethod
    async def write(self, name: str, value: int) -> None:
        """Set a register."""

    async def control(self, field: str) -> None:
        """Write 1 to one bit of CONTROL."""
        await self.write("CONTROL", 1 << register("CONTROL").field(field).lsb)

    async def start(
        self, commands: Sequence[bytes], addr: int = 0, watchdog: int = 0, count: int | None = None
    ) -> None:
        """Place a program at ``addr`` and ring the doorbell; ``count`` may promise more commands than these."""
        self.ram.write(addr, b"".join(commands))
        await self.write("PROGRAM_ADDR", addr)
        await self.write("PROGRAM_COUNT", len(commands) if count is None else count)
        await self.write("WATCHDOG", watchdog)
        await self.write("IRQ_STATUS", 1)
        await self.write("IRQ_ENABLE", 1)
        await self.control("start")

    async def wait(self, cycles: int = 20_000) -> Outcome:
        """Wait for the interrupt, at most ``cycles``, and say how the program ended."""
        if not int(self.dut.irq.value):
            await First(RisingEdge(self.dut.irq), ClockCycles(self.dut.clk, cycles))
        assert int(self.dut.irq.value), f"no interrupt within {cycles} cycles"
        left = self.ram.open_bursts
        outcome = await self.outcome()
        assert outcome.code is ErrorCode.WATCHDOG or not left, f"the program has ended, but {left} bursts are open"
        return outcome

    async def outcome(self) -> Outcome:
        """How the last program stands."""
        status, error = await self.read("STATUS"), await self.read("ERROR")
        take = register("STATUS").extract
        code = ErrorCode(register("ERROR").extract(error, "code"))
        assert take(status, "error") == (code is not ErrorCode.NONE)
        return Outcome(
            take(status, "busy"),
            take(status, "done"),
            code,
            register("ERROR").extract(error, "detail"),
            await self.read("ERROR_INDEX"),
        )

    async def run(self, commands: Sequence[bytes], addr: int = 0, watchdog: int = 0, cycles: int = 20_000) -> Outcome:
        """:meth:`start` and :meth:`wait`."""
        await self.start(commands, addr, watchdog)
        return await self.wait(cycles)

    async def soft_reset(self, cycles: int = 2_000) -> None:
        """CONTROL.reset, and wait until it has taken effect."""
        await self.control("reset")
        for _ in range(cycles // 8):
            if not register("STATUS").extract(await self.read("STATUS"), "busy"):
                return
        raise AssertionError(f"the reset is not done after {cycles} cycles")
