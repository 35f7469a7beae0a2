"""Drives the accelerator's top in cocotb through its own ports."""

from __future__ import annotations

from typing import Any

from cocotb import start_soon
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiResp

from gatewright.spec.registers import register
from gatewright_sim.benches.harness.faulty_ram import FaultyRam
from gatewright_sim.benches.harness.program_driver import ProgramDriver

__all__ = ["TopDriver"]

CLOCK_NS = 10


class TopDriver(ProgramDriver):
    """The top's clock, register master and memory.

    Parameters
    ----------
    dut : cocotb's handle of the top.
    size : bytes of memory, at address 0 and repeated above it.
    """

    ram: FaultyRam

    def __init__(self, dut: Any, size: int = 1 << 16) -> None:
        super().__init__(dut, FaultyRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size))
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        start_soon(Clock(dut.clk, CLOCK_NS, "ns").start())

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
