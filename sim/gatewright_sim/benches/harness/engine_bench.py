"""One engine behind its AXI4 master on a memory: runs commands, watches every burst, compares the memory.

The design is ``EngineTop(engine)``; the environment variable GATEWRIGHT_CONFIG names the config.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout

from gatewright.spec.commands import decode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES
from gatewright_sim.benches.coverage.collect import note
from gatewright_sim.benches.coverage.points import Sample
from gatewright_sim.benches.harness.bus_memory import BusMemory
from gatewright_sim.benches.harness.memory_ports import MASTERS, MemoryPorts
from gatewright_sim.benches.harness.pauses import FREE, Stalls
from gatewright_sim.commands import Command, Layout, LayoutFull, PlacedCommand
from gatewright_sim.commands.layout import ADDRESS_SPACE, Change, changed

__all__ = ["EngineBench", "start_bench"]

CLOCK_NS = 10
MEMORY_BYTES = 1 << 17
COMMAND_LIMIT = 60_000
"""Most cycles that any command here may take."""
HELD = 300
"""Cycles for which ``hold_first`` is held back: more than any queue here takes to fill up."""
BEGINNING_LIMIT, POLLED = 3000, 50
"""Cycles in which :meth:`EngineBench.begin` sees what it waits for, and those between two looks."""


class EngineBench:
    """The engine, its memory, and a watch over what it reads and where it writes.

    Attributes
    ----------
    rng : seeded by cocotb's seed.
    hold_first : channel of the memory that takes and gives nothing for HELD cycles from a command's start, if any.
    read_beats, read_bursts : since the last command began.
    """

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        self.config = get_config(os.environ["GATEWRIGHT_CONFIG"])
        self.read_beats = self.read_bursts = 0
        self.hold_first: str | None = None
        self._stalls = FREE
        self._allowed: dict[str, list[tuple[int, int]]] = {"ar": [], "aw": []}
        cocotb.start_soon(Clock(dut.clk, CLOCK_NS, "ns").start())
        self.ram = MemoryPorts(dut, MASTERS, lambda prefix, first: BusMemory(dut, prefix, MEMORY_BYTES, dut.rst, first))
        self.ram.on_burst = self._watch

    def stall(self, stalls: Stalls) -> None:
        """Hold the memory's channels back at random from now on."""
        self._stalls = stalls
        self.ram.stall(self.rng, stalls)

    def _watch(self, channel: str, start: int, beats: int) -> None:
        end = start + BUS_BYTES * beats
        if channel == "ar":
            self.read_beats += beats
            self.read_bursts += 1
        allowed = self._allowed[channel]
        inside = any(low <= start and end <= high for low, high in allowed)
        assert inside, f"{channel}: {start:#x}..{end:#x}, allowed: {[(hex(low), hex(high)) for low, high in allowed]}"

    async def reset(self) -> None:
        self.dut.command_valid.value = 0
        self.dut.clear.value = 0
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 5)
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)

    async def start(self, placed: PlacedCommand) -> None:
        """Hand a command over."""
        dut = self.dut
        self._allowed = {"ar": placed.reads, "aw": placed.writes}
        self.read_beats = self.read_bursts = 0
        dut.command_payload.value = int.from_bytes(placed.command, "little")
        dut.command_valid.value = 1
        await RisingEdge(dut.clk)
        while dut.command_ready.value != 1:
            await RisingEdge(dut.clk)
        dut.command_valid.value = 0

    async def run(self, placed: PlacedCommand) -> int:
        """Run a command whose operands lie in the memory, check the error it reports, and return its cycles."""
        if self.hold_first:
            self.ram.hang(self.hold_first)
            cocotb.start_soon(self._release())
        await self.start(placed)

        async def until_done() -> int:
            cycles = 1
            while True:
                await RisingEdge(self.dut.clk)
                if self.dut.done.value == 1:
                    return cycles
                cycles += 1

        cycles: int = await with_timeout(until_done(), CLOCK_NS * COMMAND_LIMIT, "ns")
        error = ErrorCode(int(self.dut.error.value))
        note(Sample(decode(placed.command), self.config, self._stalls, error))
        assert error is placed.error, f"the engine says {error.name}, expected {placed.error.name}"
        cocotb.start_soon(self._error_ends())
        return cycles

    async def _release(self) -> None:
        await ClockCycles(self.dut.clk, HELD)
        self.ram.flow()

    async def _error_ends(self) -> None:
        """An error is said with ``done`` alone."""
        await RisingEdge(self.dut.clk)
        assert self.dut.done.value == 1 or int(self.dut.error.value) == ErrorCode.NONE, "an error without an end"

    async def run_all(self, commands: Iterable[Command], *, reads_once: bool = False) -> list[int]:
        """Run commands one after the other, as many as a memory holds, and compare the whole memory; then the rest.

        With ``reads_once`` each command must read just the beats of its operands, in no more bursts than it takes.
        Returns their cycles.
        """
        cycles: list[int] = []
        layout, placed = self._layout(), []
        for command in commands:
            try:
                placed.append(command.place(layout))
            except LayoutFull:
                cycles += await self._run_placed(layout, placed, reads_once)
                layout = self._layout()
                placed = [command.place(layout)]
        return cycles + await self._run_placed(layout, placed, reads_once)

    def _layout(self) -> Layout:
        """A memory that is seen all over the address space."""
        return Layout(self.rng, MEMORY_BYTES, ADDRESS_SPACE // MEMORY_BYTES, self.config)

    async def _run_placed(self, layout: Layout, placed: list[PlacedCommand], reads_once: bool) -> list[int]:
        self.ram.write(0, layout.before.tobytes())
        cycles = []
        for one in placed:
            cycles.append(await self.run(one))
            assert not reads_once or self.read_beats == one.beats, f"{self.read_beats} beats read, not {one.beats}"
            whole = one.bursts is None or self.read_bursts == one.bursts
            assert not reads_once or whole, f"{self.read_bursts} bursts of reads, not {one.bursts}"
        found = np.frombuffer(self.ram.read(0, MEMORY_BYTES), np.uint8)
        wrong = np.flatnonzero(found != layout.after)
        assert not wrong.size, f"{wrong.size} bytes differ, the first at {wrong[0]:#x}"
        return cycles

    async def begin(self, command: Command, change: Change) -> None:
        """Run a command of other fields until the bytes are in memory that it writes without those; then reset."""
        layout = self._layout()
        placed = command.place(layout)
        self.ram.write(0, layout.before.tobytes())
        everywhere = [(0, ADDRESS_SPACE)]
        await self.start(replace(placed, command=changed(placed.command, change), reads=everywhere, writes=everywhere))
        written = np.flatnonzero(layout.after != layout.before)
        for _ in range(BEGINNING_LIMIT // POLLED):
            await ClockCycles(self.dut.clk, POLLED)
            found = np.frombuffer(self.ram.read(0, MEMORY_BYTES), np.uint8)
            if np.array_equal(found[written], layout.after[written]):
                break
        else:
            fields = change(decode(placed.command))
            raise AssertionError(f"{dict(fields)}: the first rows are not there after {BEGINNING_LIMIT} cycles")
        await self.reset()

    async def reset_within(self, command: Command, cycles: int) -> None:
        """Start a command and reset the engine at most ``cycles`` later."""
        layout = self._layout()
        placed = command.place(layout)
        self.ram.write(0, layout.before.tobytes())
        await self.start(placed)
        await ClockCycles(self.dut.clk, int(self.rng.integers(1, cycles)))
        await self.reset()


async def start_bench(dut: Any) -> EngineBench:
    """The bench of ``dut``, reset."""
    bench = EngineBench(dut)
    await bench.reset()
    return bench
