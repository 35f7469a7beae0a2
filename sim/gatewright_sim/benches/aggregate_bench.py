"""cocotb tests of the aggregation engine behind its AXI4 master, against cocotbext-axi's memory and the golden model.

The design is ``EngineTop(AggregateEngine(config))``; the environment variable GATEWRIGHT_CONFIG names the config.
"""

import os
from collections.abc import Iterator

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotbext.axi import AxiBus, AxiRam

from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_sim.benches.aggregate_cases import Layout, Matrix, PlacedCase, place, random_matrix

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


class Bench:
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

    async def run_all(self, matrices: list[Matrix]) -> list[int]:
        """Run commands one after the other, then compare the whole memory; returns their cycles."""
        layout = Layout(self.rng, MEMORY_BYTES)
        cases = [place(layout, matrix) for matrix in matrices]
        self.ram.write(0, layout.before.tobytes())
        cycles = [await self.run(case) for case in cases]
        self.compare(layout)
        return cycles

    def compare(self, layout: Layout) -> None:
        got = np.frombuffer(self.ram.read(0, MEMORY_BYTES), np.uint8)
        wrong = np.flatnonzero(got != layout.after)
        assert not wrong.size, f"{wrong.size} bytes differ, the first at {wrong[0]:#x}"


async def _bench(dut) -> Bench:
    bench = Bench(dut)
    await bench.reset()
    return bench


@cocotb.test()
async def random_matrices(dut):
    """Random shapes back to back, under random backpressure and latency, with the errors of unsound ones."""
    bench = await _bench(dut)
    for probability, longest in ((0, 1), (0.3, 2), (0.05, 60)):
        bench.hold_back(probability, longest)
        widths = bench.rng.integers(1, bench.config.max_features + 1, 4)
        await bench.run_all([random_matrix(bench.rng, int(features)) for features in widths])


@cocotb.test()
async def feature_widths(dut):
    """Widths around the word, the reuse distance of the accumulators, and the maximum."""
    bench = await _bench(dut)
    bench.hold_back(0.1, 3)
    for features in (1, 7, 8, 9, 16, 17, 24, 25, 32, 33, bench.config.max_features - 1, bench.config.max_features):
        await bench.run_all([random_matrix(bench.rng, features, hub=60)])


@cocotb.test()
async def chosen_graphs(dut):
    """One row, only empty rows, a hub of thousands, and the largest sums that both signs can have."""
    bench = await _bench(dut)
    rng = bench.rng

    def graph(degrees: list[int], features: int, weight: int | None = None, x: int | None = None) -> Matrix:
        matrix = random_matrix(rng, features)
        nnz, cols = sum(degrees), len(matrix.x)
        matrix.row_ptr = np.concatenate([[0], np.cumsum(degrees)]).astype("<u4")
        matrix.col = rng.integers(0, cols, nnz).astype("<u4")
        matrix.weight = (rng.integers(-(2**15), 2**15, nnz) if weight is None else np.full(nnz, weight)).astype("<i2")
        if x is not None:
            matrix.x = np.full(matrix.x.shape, x, np.int8)
        return matrix

    lowest, highest = -(2**15), 2**15 - 1
    await bench.run_all([graph([0], 5), graph([1], 8), graph([0] * 9, 20), graph([0, 0, 3, 0], 3)])
    await bench.run_all([graph([1, 3000, 0, 1], 8)])
    await bench.run_all([graph([0, 700], 9, weight, x) for weight in (lowest, highest) for x in (-128, 127)])


@cocotb.test()
async def faults(dut):
    """Unsound matrices: the first fault is named, rows before it are written, nothing wild is read, and the next
    command is clean."""
    bench = await _bench(dut)
    rng = bench.rng
    for probability in (0, 0.3):
        bench.hold_back(probability, 4)
        for kind in ("opening", "falling", "beyond", "index", "huge index", "both"):
            bad, features = random_matrix(rng, int(rng.integers(1, 40))), 12
            bad.row_ptr = np.array([0, 3, 3, 40, 90], "<u4")
            bad.col = rng.integers(0, len(bad.x), 90).astype("<u4")
            bad.weight = rng.integers(-5, 5, 90).astype("<i2")
            edge = int(rng.integers(0, 90))
            match kind:
                case "opening":
                    bad.row_ptr[0] = rng.integers(1, 2**32)
                case "falling":
                    bad.row_ptr[3] = rng.integers(0, 3)
                case "beyond":
                    bad.row_ptr[rng.integers(1, 5)] = rng.integers(91, 2**32)
                case "index":
                    bad.col[edge] = len(bad.x)
                case "huge index":
                    bad.col[edge] = 2**32 - 1
                case "both":
                    bad.col[edge] = 2**31
                    bad.row_ptr[rng.integers(1, 5)] = 2**32 - 1
            await bench.run_all([bad, random_matrix(rng, features, hub=40)])


@cocotb.test()
async def reset_in_mid_command(dut):
    """A reset at any time leaves nothing behind."""
    bench = await _bench(dut)
    for _ in range(6):
        bench.hold_back(float(bench.rng.choice([0, 0.3])), 3)
        layout = Layout(bench.rng, MEMORY_BYTES)
        case = place(layout, random_matrix(bench.rng, 30))
        bench.ram.write(0, layout.before.tobytes())
        await bench.start(case)
        await ClockCycles(dut.clk, int(bench.rng.integers(1, 250)))
        await bench.reset()
        await bench.run_all([random_matrix(bench.rng, int(bench.rng.integers(1, 60)), hub=40)])


@cocotb.test()
async def reads_fill_the_bus(dut):
    """Without backpressure, rows of 64 features arrive nearly a beat a cycle, and no beat is read twice."""
    bench = await _bench(dut)
    matrix = random_matrix(bench.rng, 64)
    degrees = bench.rng.integers(0, 20, 40)
    nnz = int(degrees.sum())
    matrix.row_ptr = np.concatenate([[0], np.cumsum(degrees)]).astype("<u4")
    matrix.col = bench.rng.integers(0, len(matrix.x), nnz).astype("<u4")
    matrix.weight = bench.rng.integers(-(2**15), 2**15, nnz).astype("<i2")
    (cycles,) = await bench.run_all([matrix])
    streams = sum(-(-array.nbytes // BUS_BYTES) for array in (matrix.row_ptr, matrix.col, matrix.weight))
    beats = streams + nnz * 64 // BUS_BYTES
    assert bench.read_beats == beats
    dut._log.info("%d beats read in %d cycles", beats, cycles)
    assert cycles <= 1.1 * beats + 200
