"""Drives a board's fabric in cocotb as a processing system does: registers through its general-purpose port, memory
behind its memory port, traffic at random beside them."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb import start_soon
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Timer

from gatewright.spec.boards import Board
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.registers import register
from gatewright_hw.bus.axi import Resp
from gatewright_sim.benches.harness.gp_master import Access, GpMaster
from gatewright_sim.benches.harness.hp_memory import HpMemory
from gatewright_sim.benches.harness.memory_ports import MemoryPorts
from gatewright_sim.benches.harness.program_driver import ProgramDriver
from gatewright_sim.benches.harness.traffic import Traffic

__all__ = ["BoardDriver"]

CLOCK_NS = 10
GP0, GP1 = ((0x4000_0000, 0x8000_0000),), ((0x8000_0000, 0xC000_0000),)
"""Addresses that Zynq-7000's general-purpose masters serve (UG585, table 4-1)."""
HPM0 = (0xA000_0000, 0xB000_0000), (0x4_0000_0000, 0x5_0000_0000), (0x10_0000_0000, 0x48_0000_0000)
"""Those of Zynq UltraScale+'s M_AXI_HPM0_FPD (UG1085, chapter 10, "System Addresses")."""


class BoardDriver(ProgramDriver):
    """The core of a Zynq-7000 or of a Zynq UltraScale+ board, by the ports that it has.

    Parameters
    ----------
    dut : cocotb's handle of the core.
    board, config : what it is.
    size : bytes of memory, at address 0 and repeated above it.
    """

    ram: MemoryPorts[HpMemory]

    def __init__(self, dut: Any, board: Board, config: AcceleratorConfig, size: int = 1 << 16) -> None:
        models = np.random.default_rng([cocotb.RANDOM_SEED, 1])
        ports = [f"hp{index}" for index in range(len(board.memory_ports))]
        super().__init__(
            dut, MemoryPorts(dut, ports, lambda port, first: HpMemory(dut, port, size, models, content=first))
        )
        self.gp0 = GpMaster(dut, "gp0", models)
        self.gp1 = GpMaster(dut, "gp1", models) if hasattr(dut, "gp1_arvalid") else None
        self.board, self.config = board, config
        start_soon(Clock(dut.clk, CLOCK_NS, "ns").start())

    async def power_on(self) -> None:
        """From configuration to the first access."""
        if hasattr(self.dut, "resetn"):
            self.dut.resetn.value = 0
            await self.reset()
        else:
            await ClockCycles(self.dut.clk, 2)
            self._connect(True)

    async def reset(self) -> None:
        """What a download does, once the processor has stopped asking: the fabric's reset, low and high at any time of
        the clock, and in between memory ports that hear nothing and know of nothing. Where the fabric has no such
        reset, CONTROL.reset."""
        await self.gp0.rest()
        if not hasattr(self.dut, "resetn"):
            await self.soft_reset()
            return
        self._connect(False)
        await Timer(int(self.rng.integers(1, 10 * CLOCK_NS)), "ns")
        self.dut.resetn.value = 0
        await ClockCycles(self.dut.clk, int(self.rng.integers(4, 20)))
        self.ram.forget()
        self._connect(True)
        await Timer(int(self.rng.integers(1, 10 * CLOCK_NS)), "ns")
        self.dut.resetn.value = 1

    def _connect(self, connected: bool) -> None:
        for model in (*self.ram.ports, self.gp0, self.gp1):
            if model is not None:
                model.connected = connected

    async def read(self, name: str) -> int:
        access = await self.gp0.do(Access(self._address(name), id=self._any_id()))
        assert access.resp == [Resp.OKAY]
        return access.data[0]

    async def write(self, name: str, value: int) -> None:
        access = Access(self._address(name), id=self._any_id(), beats=[(value, 15)], lead=int(self.rng.integers(-4, 5)))
        assert (await self.gp0.do(access)).resp == [Resp.OKAY]

    def traffic(self) -> Traffic:
        """Accesses at random to the port that the registers are behind."""
        addresses = GP0 if self.gp1 else HPM0
        return Traffic(self.gp0, self.board, self.config, addresses, self.rng.spawn(1)[0])

    def traffic_to_nobody(self) -> Traffic:
        """Accesses at random to Zynq-7000's other port."""
        assert self.gp1 is not None
        return Traffic(self.gp1, None, self.config, GP1, self.rng.spawn(1)[0])

    def _address(self, name: str) -> int:
        return self.board.registers_base + register(name).offset

    def _any_id(self) -> int:
        return int(self.rng.integers(1 << self.gp0.id_bits))
