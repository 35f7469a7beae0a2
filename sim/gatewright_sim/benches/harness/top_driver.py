"""Drives the accelerator's top in cocotb: registers by name, a memory that can answer with errors, programs to their
end."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiResp
from cocotbext.axi.axi_ram import AxiRamRead, AxiRamWrite
from cocotbext.axi.memory import Memory

from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import register

__all__ = ["FaultyRam", "Outcome", "TopDriver", "random_pauses"]

CLOCK_NS = 10


def random_pauses(seed: int, probability: float) -> Iterator[bool]:
    """A pause generator: in each cycle, hold the channel back with ``probability``."""
    rng = random.Random(seed)
    return (rng.random() < probability for _ in itertools.count())


class _Faults:
    """The response that a window of addresses gives instead of OKAY."""

    response = AxiResp.OKAY
    window = range(0)

    def check(self, address: int) -> None:
        if self.response != AxiResp.OKAY and address in self.window:
            raise ValueError(f"address {address:#x} answers {self.response.name}")

    def replace(self, response: AxiResp) -> AxiResp:
        """cocotbext-axi says SLVERR for every failed access; this is what was meant."""
        return self.response if response == AxiResp.SLVERR else response


class _Read(AxiRamRead):
    def __init__(self, *args: Any, faults: _Faults, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._faults = faults
        send = self.r_channel.send

        async def send_r(r: Any) -> None:
            r.rresp = faults.replace(r.rresp)
            await send(r)

        self.r_channel.send = send_r

    async def _read(self, address: int, length: int) -> bytes:
        self._faults.check(address)
        return await super()._read(address, length)


class _Write(AxiRamWrite):
    def __init__(self, *args: Any, faults: _Faults, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._faults = faults
        send = self.b_channel.send

        async def send_b(b: Any) -> None:
            b.bresp = faults.replace(b.bresp)
            await send(b)

        self.b_channel.send = send_b

    async def _write(self, address: int, data: bytes) -> None:
        self._faults.check(address)
        await super()._write(address, data)


class FaultyRam(Memory):
    """cocotbext-axi's AXI RAM with windows that answer SLVERR or DECERR, one for reads and one for writes."""

    def __init__(self, bus: AxiBus, clock: Any, reset: Any, size: int) -> None:
        super().__init__(size)
        self._read_faults, self._write_faults = _Faults(), _Faults()
        self.read_if = _Read(bus.read, clock, reset, mem=self.mem, size=size, faults=self._read_faults)
        self.write_if = _Write(bus.write, clock, reset, mem=self.mem, size=size, faults=self._write_faults)

    def fail(self, direction: str, response: AxiResp, window: range = range(1 << 32)) -> None:
        """From now on ``direction`` ("read" or "write") accesses in ``window`` are answered with ``response``."""
        faults = self._read_faults if direction == "read" else self._write_faults
        faults.response, faults.window = response, window

    @property
    def channels(self) -> dict[str, Any]:
        """The five AXI channels by name."""
        return {
            "ar": self.read_if.ar_channel,
            "r": self.read_if.r_channel,
            "aw": self.write_if.aw_channel,
            "w": self.write_if.w_channel,
            "b": self.write_if.b_channel,
        }

    def backpressure(self, seed: int, probability: float) -> None:
        """Hold every channel back at random; 0 stops that."""
        for index, channel in enumerate(self.channels.values()):
            channel.set_pause_generator(random_pauses(seed + index, probability) if probability else None)
            channel.pause = False

    def hang(self, *channels: str) -> None:
        """Stop ``channels`` (all when none is named) until the next :meth:`backpressure`."""
        for name in channels or self.channels:
            self.channels[name].set_pause_generator(None)
            self.channels[name].pause = True


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
    """

    def __init__(self, dut: Any, size: int = 1 << 16) -> None:
        self.dut = dut
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
