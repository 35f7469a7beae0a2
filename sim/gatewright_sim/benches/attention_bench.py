"""cocotb tests of ATTENTION commands on the gemm engine behind its AXI4 master, against cocotbext-axi's memory and
the golden model.

The design is ``EngineTop(GemmEngine(config))``; the environment variable GATEWRIGHT_CONFIG names the config.
"""

import cocotb
from cocotb.triggers import ClockCycles

from gatewright.spec.commands import AttentionFlags
from gatewright.spec.fixed import Requantise
from gatewright_sim.benches import gemm_cases
from gatewright_sim.benches.attention_cases import place, random_heads, random_shape
from gatewright_sim.benches.harness.engine_bench import MEMORY_BYTES, start_bench
from gatewright_sim.benches.harness.layout import Layout


@cocotb.test()
async def random_attentions(dut):
    """Random shapes, masks and scales back to back, under random backpressure and latency."""
    bench = await start_bench(dut)
    for probability, longest in ((0, 1), (0.3, 2), (0.05, 60)):
        bench.hold_back(probability, longest)
        shapes = [random_shape(bench.rng, bench.config) for _ in range(4)]
        await bench.run_all(place, [random_heads(bench.rng, *shape) for shape in shapes], reads_once=True)


@cocotb.test()
async def every_edge(dut):
    """Sequences around a tile of the array and a word of memory, longer queries than keys, and all masks in turn."""
    bench = await start_bench(dut)
    bench.hold_back(0.1, 3)
    rows, cols = bench.config.array_rows, bench.config.array_cols
    for count, seq_q in enumerate((1, rows, rows + 1, 3 * rows - 1)):
        sequences = (1, 7, cols, cols + 1, 2 * cols + 3)
        d = 8 * (count % (bench.config.max_head_dim // 8) + 1)
        heads = [
            random_heads(bench.rng, seq_q, seq_kv, 2, d, (3 * count + i) % 8) for i, seq_kv in enumerate(sequences)
        ]
        await bench.run_all(place, heads, reads_once=True)


@cocotb.test()
async def extreme_weights(dut):
    """Saturated scores, weights that are all one or one of many, the largest sums, rows without a key."""
    bench = await start_bench(dut)
    rng, longest = bench.rng, bench.config.max_seq
    for score in (Requantise(0, 0), Requantise(65535, 0), Requantise(1, 63)):
        for value in (-128, 127):
            one = random_heads(rng, 3, longest, 1, 16, AttentionFlags.OUT_INT16 if value > 0 else 0)
            one.score, one.out = score, Requantise.from_scale(1.0)
            one.v[:] = value
            await bench.run_all(place, [one], reads_once=True)
    nothing = random_heads(rng, 5, 20, 2, 8, AttentionFlags.KEY_MASK)
    nothing.mask[:] = False
    await bench.run_all(place, [nothing, random_heads(rng, 30, 9, 1, 8, AttentionFlags.CAUSAL)], reads_once=True)


@cocotb.test()
async def reset_in_mid_command(dut):
    """A reset at any time leaves nothing behind, nor does a command of the other kind."""
    bench = await start_bench(dut)
    for _ in range(8):
        bench.hold_back(float(bench.rng.choice([0, 0.3])), 3)
        layout = Layout(bench.rng, MEMORY_BYTES)
        case = place(layout, random_heads(bench.rng, 13, 40, 2, 16))
        bench.ram.write(0, layout.before.tobytes())
        await bench.start(case)
        await ClockCycles(dut.clk, int(bench.rng.integers(1, 1500)))
        await bench.reset()
        layout = Layout(bench.rng, MEMORY_BYTES)
        product = gemm_cases.random_product(bench.rng, *gemm_cases.random_shape(bench.rng, bench.config))
        cases = [
            place(layout, random_heads(bench.rng, *random_shape(bench.rng, bench.config))),
            gemm_cases.place(layout, product),
            place(layout, random_heads(bench.rng, *random_shape(bench.rng, bench.config))),
        ]
        bench.ram.write(0, layout.before.tobytes())
        for case in cases:
            await bench.run(case)
        bench.compare(layout)


@cocotb.test()
async def array_stays_busy(dut):
    """Without backpressure the array multiplies in at least 80 % of the cycles; the causal mask saves a third of
    them."""
    bench = await start_bench(dut)
    seq, d = bench.config.max_seq, bench.config.max_head_dim
    (cycles,) = await bench.run_all(place, [random_heads(bench.rng, seq, seq, 2, d, 0)], reads_once=True)
    busy = 2 * 2 * seq * seq * d / bench.config.macs_per_cycle / cycles
    dut._log.info("%d cycles, array busy %.1f %%", cycles, 100 * busy)
    assert busy >= 0.8
    (causal,) = await bench.run_all(
        place, [random_heads(bench.rng, seq, seq, 2, d, AttentionFlags.CAUSAL)], reads_once=True
    )
    assert causal <= 2 / 3 * cycles
