"""cocotb tests of the vector engine behind its AXI4 master, against cocotbext-axi's memory and the golden model.

The design is ``EngineTop(VectorEngine(config))``; the environment variable GATEWRIGHT_CONFIG names the config.
"""

from itertools import product

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from gatewright.spec.vector import Combine, ElementType, Function
from gatewright_sim.benches.harness.engine_bench import MEMORY_BYTES, EngineBench, start_bench
from gatewright_sim.benches.harness.layout import Layout
from gatewright_sim.benches.vector_cases import Operation, constant_rows, place, random_operation

MOST_ELEMENTS = 1200
"""Of a random operation, so that several fit the memory."""


def some_operation(bench: EngineBench, **chosen) -> Operation:
    rng, widest = bench.rng, bench.config.max_columns
    cols = int(rng.choice([rng.integers(1, 10), rng.integers(1, 70), rng.integers(1, widest + 1)]))
    rows = int(rng.integers(1, max(2, min(20, MOST_ELEMENTS // cols))))
    return random_operation(rng, rows, cols, **chosen)


@cocotb.test()
async def random_operations(dut):
    """Anything, back to back, under random backpressure and latency; each beat of the operands is read just once."""
    bench = await start_bench(dut)
    for probability, longest in ((0, 1), (0.3, 2), (0.05, 60)):
        bench.hold_back(probability, longest)
        for _ in range(3):
            await bench.run_all(place, [some_operation(bench) for _ in range(5)], reads_once=True)


@cocotb.test()
async def every_combination_of_types(dut):
    """Each combination of A, B and Y types, with the functions in turn."""
    bench = await start_bench(dut)
    bench.hold_back(0.1, 3)
    types = list(product(ElementType, repeat=3))
    bench.rng.shuffle(types)
    functions = list(Function)
    for start in range(0, len(types), 8):
        operations = []
        for number, of in enumerate(types[start : start + 8], start):
            combine = (Combine.ADD, Combine.MULTIPLY)[number % 2]
            cols = int(bench.rng.integers(1, 60))
            of = tuple(ElementType(kind) for kind in of)
            operations.append(
                random_operation(bench.rng, 3, cols, function=functions[number % 5], combine=combine, types=of)
            )
        await bench.run_all(place, operations, reads_once=True)


@cocotb.test()
async def row_widths(dut):
    """Widths around the group, the beat and the burst, and the widest; several rows each."""
    bench = await start_bench(dut)
    widest = bench.config.max_columns
    for function in Function:
        bench.hold_back(*((0.1, 3) if function % 2 else (0, 1)))
        for cols in (1, 2, 3, 4, 5, 6, 7, 8, 9, 63, 64, 65, widest - 1, widest):
            rows = 3 if cols > 100 else 7
            await bench.run_all(place, [random_operation(bench.rng, rows, cols, function=function)], reads_once=True)


@cocotb.test()
async def extreme_rows(dut):
    """Rows of one value: no variance, no mean square, the largest sums, with and without the largest epsilon."""
    bench = await start_bench(dut)
    low, high = -(1 << 15), (1 << 15) - 1
    for function in (Function.LAYER_NORM, Function.RMS_NORM, Function.SOFTMAX):
        for cols in (1, 5, bench.config.max_columns):
            for epsilon in (0, 1, (1 << 48) - 1):
                one = constant_rows(bench.rng, 4, cols, [0, 1, -1, low, high], epsilon, function)
                await bench.run_all(place, [one])
    # All but one at the other end of the range: the largest result of a norm, and weights that vanish in a softmax.
    for function in (Function.LAYER_NORM, Function.RMS_NORM, Function.SOFTMAX):
        one = constant_rows(bench.rng, 4, bench.config.max_columns, [low, high], 0, function)
        one.a = one.a.copy()
        one.a[np.arange(4), bench.rng.integers(0, one.a.shape[1], 4)] ^= -1
        await bench.run_all(place, [one])


@cocotb.test()
async def many_short_rows(dut):
    """More rows in flight than any queue between the stages holds."""
    bench = await start_bench(dut)
    for function in Function:
        for cols, rows in ((1, 70), (6, 40)):
            bench.hold_back(float(bench.rng.choice([0, 0.2])), 4)
            await bench.run_all(place, [random_operation(bench.rng, rows, cols, function=function)])


@cocotb.test()
async def reset_in_mid_command(dut):
    """A reset at any time leaves nothing behind."""
    bench = await start_bench(dut)
    for _ in range(10):
        bench.hold_back(float(bench.rng.choice([0, 0.3])), 3)
        layout = Layout(bench.rng, MEMORY_BYTES)
        case = place(layout, some_operation(bench))
        bench.ram.write(0, layout.before.tobytes())
        await bench.start(case)
        await ClockCycles(dut.clk, int(bench.rng.integers(1, 300)))
        await bench.reset()
        await bench.run_all(place, [some_operation(bench), some_operation(bench)])


@cocotb.test()
async def groups_fill_the_bus(dut):
    """Without backpressure, rows pass at nearly a beat of the busier port a cycle, whatever the function."""
    bench = await start_bench(dut)
    i16 = ElementType.INT16
    cols, rows = bench.config.max_columns, 24
    for function in Function:
        one = random_operation(bench.rng, rows, cols, function=function, combine=Combine.ALONE, types=(i16, i16, i16))
        one.a = bench.rng.integers(-5000, 5000, (rows, cols)).astype(i16.dtype)
        (cycles,) = await bench.run_all(place, [one], reads_once=True)
        ahead = bench.read_beats - rows * cols // 4
        dut._log.info("%s: %d beats of A in %d cycles", function.name, rows * cols // 4, cycles - ahead)
        assert cycles - ahead <= 1.1 * rows * cols // 4 + 300 * (function is Function.TABLE) + 300
