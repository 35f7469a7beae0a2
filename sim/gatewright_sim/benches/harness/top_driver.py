"""Drives the accelerator's top in cocotb through its own ports."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from cocotb import start_soon
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from gatewright.spec.registers import register
from gatewright_sim.benches.harness.bus_memory import BusMemory
from gatewright_sim.benches.harness.memory_ports import MASTERS, MemoryPorts
from gatewright_sim.benches.harness.pauses import Stalls
from gatewright_sim.benches.harness.program_driver import ProgramDriver

__all__ = ["CLOCK_NS", "TopDriver"]

CLOCK_NS = 10
ACCESS_LIMIT = 20_000
"""Most cycles until an access to a register is answered, those before it in the queue included."""

_T = TypeVar("_T")


class TopDriver(ProgramDriver):
    """The top's clock, register master and memory.

    Parameters
    ----------
    dut : cocotb's handle of the top.
    size : bytes of memory, at address 0 and repeated above it.
    """

    ram: MemoryPorts[BusMemory]

    def __init__(self, dut: Any, size: int = 1 << 16) -> None:
        ram = MemoryPorts(dut, MASTERS, lambda prefix, first: BusMemory(dut, prefix, size, dut.rst, first))
        super().__init__(dut, ram)
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        for side in (self.registers.write_if, self.registers.read_if):
            side.log.setLevel("WARNING")  # a line for each access would hide why a case failed
        start_soon(Clock(dut.clk, CLOCK_NS, "ns").start())

    async def reset(self) -> None:
        """The hardware reset, of the top and of the bus models."""
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    def hold(self, stalls: Stalls) -> None:
        """Hold the channels of the register port back at random from now on, at the master's side."""
        write, read = self.registers.write_if, self.registers.read_if
        channels = (read.ar_channel, write.aw_channel, write.w_channel, read.r_channel, write.b_channel)
        names = ("ar", "aw", "w", "r", "b")
        for name, channel, own in zip(names, channels, self.rng.spawn(len(names)), strict=True):
            pauses = stalls.of(name)
            channel.set_pause_generator(pauses.generate(own) if pauses.probability else None)
            channel.pause = False

    async def read(self, name: str) -> int:
        """A register's value."""
        return int.from_bytes(await self.read_bytes(register(name).offset, 4), "little")

    async def write(self, name: str, value: int) -> None:
        """Set a register."""
        await self.write_bytes(register(name).offset, value.to_bytes(4, "little"))

    async def read_bytes(self, offset: int, length: int) -> bytes:
        """What ``length`` bytes of the block show; words one after the other."""
        answer = await self._answered(self.registers.read(offset, length))
        assert answer.resp == AxiResp.OKAY
        return bytes(answer.data)

    async def write_bytes(self, offset: int, data: bytes) -> None:
        """Write bytes of the block, and no others."""
        answer = await self._answered(self.registers.write(offset, data))
        assert answer.resp == AxiResp.OKAY

    async def _answered(self, access: Awaitable[_T]) -> _T:
        limit = ACCESS_LIMIT * CLOCK_NS
        answer: _T = await with_timeout(access, limit, "ns")
        return answer
