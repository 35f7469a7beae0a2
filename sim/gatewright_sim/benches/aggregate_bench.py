"""cocotb tests of the aggregation engine behind its AXI4 master, against cocotbext-axi's memory and the golden model.

The design is ``EngineTop(AggregateEngine(config))``; the environment variable GATEWRIGHT_CONFIG names the config.
"""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from gatewright.spec.memory import BUS_BYTES
from gatewright_sim.benches.aggregate_cases import Matrix, place, random_matrix
from gatewright_sim.benches.harness.engine_bench import MEMORY_BYTES, start_bench
from gatewright_sim.benches.harness.layout import Layout


@cocotb.test()
async def random_matrices(dut):
    """Random shapes back to back, under random backpressure and latency, with the errors of unsound ones."""
    bench = await start_bench(dut)
    for probability, longest in ((0, 1), (0.3, 2), (0.05, 60)):
        bench.hold_back(probability, longest)
        widths = bench.rng.integers(1, bench.config.max_features + 1, 4)
        await bench.run_all(place, [random_matrix(bench.rng, int(features)) for features in widths])


@cocotb.test()
async def feature_widths(dut):
    """Widths around the word, the reuse distance of the accumulators, and the maximum."""
    bench = await start_bench(dut)
    bench.hold_back(0.1, 3)
    for features in (1, 7, 8, 9, 16, 17, 24, 25, 32, 33, bench.config.max_features - 1, bench.config.max_features):
        await bench.run_all(place, [random_matrix(bench.rng, features, hub=60)])


@cocotb.test()
async def chosen_graphs(dut):
    """One row, only empty rows, a hub of thousands, and the largest sums that both signs can have."""
    bench = await start_bench(dut)
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
    await bench.run_all(place, [graph([0], 5), graph([1], 8), graph([0] * 9, 20), graph([0, 0, 3, 0], 3)])
    await bench.run_all(place, [graph([1, 3000, 0, 1], 8)])
    await bench.run_all(place, [graph([0, 700], 9, weight, x) for weight in (lowest, highest) for x in (-128, 127)])


@cocotb.test()
async def faults(dut):
    """Unsound matrices: the first fault is named, rows before it are written, nothing wild is read, and the next
    command is clean."""
    bench = await start_bench(dut)
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
            await bench.run_all(place, [bad, random_matrix(rng, features, hub=40)])


@cocotb.test()
async def reset_in_mid_command(dut):
    """A reset at any time leaves nothing behind."""
    bench = await start_bench(dut)
    for _ in range(6):
        bench.hold_back(float(bench.rng.choice([0, 0.3])), 3)
        layout = Layout(bench.rng, MEMORY_BYTES)
        case = place(layout, random_matrix(bench.rng, 30))
        bench.ram.write(0, layout.before.tobytes())
        await bench.start(case)
        await ClockCycles(dut.clk, int(bench.rng.integers(1, 250)))
        await bench.reset()
        await bench.run_all(place, [random_matrix(bench.rng, int(bench.rng.integers(1, 60)), hub=40)])


@cocotb.test()
async def reads_fill_the_bus(dut):
    """Without backpressure, rows of 64 features arrive nearly a beat a cycle, and no beat is read twice."""
    bench = await start_bench(dut)
    matrix = random_matrix(bench.rng, 64)
    degrees = bench.rng.integers(0, 20, 40)
    nnz = int(degrees.sum())
    matrix.row_ptr = np.concatenate([[0], np.cumsum(degrees)]).astype("<u4")
    matrix.col = bench.rng.integers(0, len(matrix.x), nnz).astype("<u4")
    matrix.weight = bench.rng.integers(-(2**15), 2**15, nnz).astype("<i2")
    (cycles,) = await bench.run_all(place, [matrix])
    streams = sum(-(-array.nbytes // BUS_BYTES) for array in (matrix.row_ptr, matrix.col, matrix.weight))
    beats = streams + nnz * 64 // BUS_BYTES
    assert bench.read_beats == beats
    dut._log.info("%d beats read in %d cycles", beats, cycles)
    assert cycles <= 1.1 * beats + 200
