"""cocotb tests of GEMM commands on the gemm engine behind its AXI4 master, against cocotbext-axi's memory and the
golden model.

The design is ``EngineTop(GemmEngine(config))``; the environment variable GATEWRIGHT_CONFIG names the config.
"""

from itertools import product

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from gatewright.spec.commands import GemmFlags
from gatewright_sim.benches.gemm_cases import LEGAL_FLAGS, place, random_product, random_shape
from gatewright_sim.benches.harness.engine_bench import MEMORY_BYTES, start_bench
from gatewright_sim.benches.harness.layout import Layout


@cocotb.test()
async def random_products(dut):
    """Random shapes and flags back to back, under random backpressure and latency."""
    bench = await start_bench(dut)
    for probability, longest in ((0, 1), (0.3, 2), (0.05, 60)):
        bench.hold_back(probability, longest)
        shapes = [random_shape(bench.rng, bench.config) for _ in range(4)]
        await bench.run_all(place, [random_product(bench.rng, *shape) for shape in shapes])


@cocotb.test()
async def every_edge(dut):
    """Sizes around a tile of the array and a word of memory, with every combination of flags in turn."""
    bench = await start_bench(dut)
    bench.hold_back(0.1, 3)
    rows, cols = bench.config.array_rows, bench.config.array_cols
    shapes = list(product((1, rows - 1, rows, rows + 1), (1, cols - 1, cols, cols + 1), (1, 7, 8, 9)))
    products = [random_product(bench.rng, *shape, LEGAL_FLAGS[i % len(LEGAL_FLAGS)]) for i, shape in enumerate(shapes)]
    for start in range(0, len(products), 16):
        await bench.run_all(place, products[start : start + 16])


@cocotb.test()
async def extreme_sums(dut):
    """The largest sums of both signs at the longest inner dimension, and biases that wrap."""
    bench = await start_bench(dut)
    for a, b in product((-128, 127), repeat=2):
        int16, int32 = GemmFlags.OUT_INT16 | GemmFlags.PARAMS, GemmFlags.OUT_INT32
        for flags in (int32, int32 | GemmFlags.PARAMS, int16, GemmFlags.PARAMS):
            one = random_product(bench.rng, 2, 9, bench.config.gemm_max_k, flags)
            one.a[:], one.b[:] = a, b
            one.params["bias"] = bench.rng.choice([-(2**31), 2**31 - 1, 0], 9)
            await bench.run_all(place, [one])


@cocotb.test()
async def reset_in_mid_command(dut):
    """A reset at any time leaves nothing behind."""
    bench = await start_bench(dut)
    for _ in range(8):
        bench.hold_back(float(bench.rng.choice([0, 0.3])), 3)
        layout = Layout(bench.rng, MEMORY_BYTES)
        case = place(layout, random_product(bench.rng, 20, 30, 60))
        bench.ram.write(0, layout.before.tobytes())
        await bench.start(case)
        await ClockCycles(dut.clk, int(bench.rng.integers(1, 900)))
        await bench.reset()
        await bench.run_all(place, [random_product(bench.rng, *random_shape(bench.rng, bench.config))])


@cocotb.test()
async def array_stays_busy(dut):
    """Without backpressure the array multiplies in at least 85 % of the cycles, and a small A is read once."""
    bench = await start_bench(dut)
    config = bench.config
    m, n, k = 6 * config.array_rows, 6 * config.array_cols, 256
    int8 = GemmFlags.PARAMS
    for flags in (int8, int8 | GemmFlags.A_RESIDENT, int8 | GemmFlags.OUT_INT16):
        (cycles,) = await bench.run_all(place, [random_product(bench.rng, m, n, k, flags)])
        busy = m * n * k / config.macs_per_cycle / cycles
        dut._log.info("%d cycles, array busy %.1f %%", cycles, 100 * busy)
        assert busy >= 0.85

    layout = Layout(np.random.default_rng(0), MEMORY_BYTES)
    small = random_product(bench.rng, 1, 40 * config.array_cols, 24, GemmFlags.OUT_INT32 | GemmFlags.A_RESIDENT)
    case = place(layout, small)
    bench.ram.write(0, layout.before.tobytes())
    await bench.run(case)
    bench.compare(layout)
    assert bench.read_beats == case.beats
