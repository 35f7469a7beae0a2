"""One engine behind its AXI4 master on cocotbext-axi's memory: runs commands, watches every burst, compares the memory.

The design is ``EngineTop(engine)``; the environment variable GATEWRIGHT_CONFIG names the config.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotbext.axi import AxiBus, AxiRam

from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_sim.benches.harness.layout import Layout, PlacedCase

__all__ = ["MEMORY_BYTES", "EngineBench", "start_bench"]

CLOCK_NS = 10
MEMORY_BYTES = 1 << 17
PAGE = 4096
COMMAND_LIMIT = 60_000
"""Most cycles that any command here may take."""


def _pauses(rng: np.random.Generator, probability: float, longest: int) -> Iterator[bool]:
    """Hold a channel back for 1..longest cycles at a time."""
    while True:
        yield False
        if rng.random() < probability:
            yield from [True] * int(rng.integers(1, longest + 1))


class EngineBench:
    """The engine, its memory, and a watch over every burst it asks for."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        self.config = get_config(os.environ["GATEWRIGHT_CONFIG"])
        self.allowed: list[tuple[int, int]] = []
        self.read_beats = 0
        cocotb.start_soon(Clock(dut.clk, CLOCK_NS, "ns").start())
        self.ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=MEMORY_BYTES)
        cocotb.start_soon(self._watch())

    def hold_back(self, probability: float, longest: int = 1) -> None:
        """Random backpressure on every channel; long pauses of the answers are latency."""
        reads, writes = self.ram.read_if, self.ram.write_if
        for channel in (reads.ar_channel, reads.r_channel, writes.aw_channel, writes.w_channel, writes.b_channel):
            channel.set_pause_generator(_pauses(self.rng, probability, longest))

    async def _watch(self) -> None:
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            if dut.rst.value == 1:
                continue
            for channel in ("ar", "aw"):
                if getattr(dut, f"m_axi_{channel}valid").value == 1 == getattr(dut, f"m_axi_{channel}ready").value:
                    start = int(getattr(dut, f"m_axi_{channel}addr").value)
                    beats = int(getattr(dut, f"m_axi_{channel}len").value) + 1
                    end = start + BUS_BYTES * beats
                    assert start % BUS_BYTES == 0, f"{channel} burst at {start:#x}"
                    assert beats <= MAX_BURST_BEATS, f"{channel} burst of {beats} beats"
                    assert start // PAGE == (end - 1) // PAGE, f"{channel} burst {start:#x}..{end:#x} crosses a page"
                    if channel == "ar":
                        self.read_beats += beats
                        inside = any(low <= start and end <= high for low, high in self.allowed)
                        assert inside, f"read of {start:#x}..{end:#x}, allowed: {self.allowed}"

    async def reset(self) -> None:
        self.dut.command_valid.value = 0
        self.dut.clear.value = 0
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 5)
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)

    async def start(self, case: PlacedCase) -> None:
        dut = self.dut
        self.allowed, self.read_beats = case.reads, 0
        dut.command_payload.value = int.from_bytes(case.command, "little")
        dut.command_valid.value = 1
        await RisingEdge(dut.clk)
        while dut.command_ready.value != 1:
            await RisingEdge(dut.clk)
        dut.command_valid.value = 0

    async def run(self, case: PlacedCase) -> int:
        """Run a command, check the error it reports, and return its cycles."""
        await self.start(case)

        async def until_done() -> int:
            cycles = 1
            while True:
                await RisingEdge(self.dut.clk)
                if self.dut.done.value == 1:
                    return cycles
                cycles += 1

        cycles = await with_timeout(until_done(), CLOCK_NS * COMMAND_LIMIT, "ns")
        error = ErrorCode(int(self.dut.error.value))
        assert error is case.error, f"the engine says {error.name}, expected {case.error.name}"
        return cycles

    async def run_all(
        self, place: Callable[[Layout, Any], PlacedCase], inputs: Iterable[Any], *, reads_once: bool = False
    ) -> list[int]:
        """Run the commands that ``place`` makes of the inputs, one after the other, and compare the whole memory.

        With ``reads_once`` each command must read just the beats of its operands. Returns their cycles.
        """
        layout = Layout(self.rng, MEMORY_BYTES)
        cases = [place(layout, one) for one in inputs]
        self.ram.write(0, layout.before.tobytes())
        cycles = []
        for case in cases:
            cycles.append(await self.run(case))
            assert not reads_once or self.read_beats == case.beats, f"{self.read_beats} beats read, not {case.beats}"
        self.compare(layout)
        return cycles

    def compare(self, layout: Layout) -> None:
        got = np.frombuffer(self.ram.read(0, MEMORY_BYTES), np.uint8)
        wrong = np.flatnonzero(got != layout.after)
        assert not wrong.size, f"{wrong.size} bytes differ, the first at {wrong[0]:#x}"


async def start_bench(dut) -> EngineBench:
    """The bench of ``dut``, reset."""
    bench = EngineBench(dut)
    await bench.reset()
    return bench
