"""Drives the accelerator's top in cocotb: registers by name, a memory that can answer with errors, programs to their
end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiResp

from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import register
from gatewright_sim.benches.harness.faulty_ram import FaultyRam

__all__ = ["Outcome", "TopDriver"]

CLOCK_NS = 10


@dataclass(frozen=True)
class Outcome:
    """How a program ended: the registers STATUS, ERROR and ERROR_INDEX, taken apart."""

    busy: int
    done: int
    code: ErrorCode
    detail: int
    index: int


class TopDriver:
    """The top's clock, register master and memory.

    Parameters
    ----------
    dut : cocotb's handle of the top.
    size : bytes of memory, at address 0 and repeated above it.

    Attributes
    ----------
    rng : seeded by cocotb's seed.
    """

    def __init__(self, dut: Any, size: int = 1 << 16) -> None:
        self.dut = dut
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        self.ram = FaultyRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size)
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        cocotb.start_soon(Clock(dut.clk, CLOCK_NS, "ns").start())

    async def reset(self) -> None:
        """The hardware reset, of the top and of the bus models."""
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    async def read(self, name: str) -> int:
        """A register's value."""
        answer = await self.registers.read(register(name).offset, 4)
        assert answer.resp == AxiResp.OKAY
        return int.from_bytes(answer.data, "little")

    async def write(self, name: str, value: int) -> None:
        """Set a register."""
        answer = await self.registers.write(register(name).offset, value.to_bytes(4, "little"))
        assert answer.resp == AxiResp.OKAY

    async def control(self, field: str) -> None:
        """Write 1 to one bit of CONTROL."""
        await self.write("CONTROL", 1 << register("CONTROL").field(field).lsb)

    async def start(self, commands: Sequence[bytes], addr: int = 0, watchdog: int = 0) -> None:
        """Place a program at ``addr`` and ring the doorbell."""
        self.ram.write(addr, b"".join(commands))
        await self.write("PROGRAM_ADDR", addr)
        await self.write("PROGRAM_COUNT", len(commands))
        await self.write("WATCHDOG", watchdog)
        await self.write("IRQ_STATUS", 1)
        await self.write("IRQ_ENABLE", 1)
        await self.control("start")

    async def wait(self, cycles: int = 20_000) -> Outcome:
        """Wait for the interrupt, at most ``cycles``, and say how the program ended."""
        if not int(self.dut.irq.value):
            await First(RisingEdge(self.dut.irq), ClockCycles(self.dut.clk, cycles))
        assert int(self.dut.irq.value), f"no interrupt within {cycles} cycles"
        return await self.outcome()

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
