"""GEMM commands on the gemm engine behind its AXI4 master, against the golden model. The design is
``EngineTop(GemmEngine(config))``."""

from __future__ import annotations

from gatewright.spec.commands import GemmFlags
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.engine_bench import EngineBench, start_bench
from gatewright_sim.benches.harness.engine_cases import beginnings, pace, resets, some, sweep
from gatewright_sim.benches.harness.pauses import ALONE, REGIMES, Stalls
from gatewright_sim.commands import GemmCommand

__all__ = ["TABLE"]

TABLE = Table(
    start_bench,
    sweep("random_products", some(GemmCommand.random, 3), REGIMES, seeds=(1, 2, 3)),
    sweep("every_edge", GemmCommand.boundaries, [Stalls.both(0.1, 3)]),
    sweep("extreme_sums", GemmCommand.extremes),
    sweep("every_memory", GemmCommand.each_flag, [*REGIMES, *ALONE]),
    sweep("every_length", GemmCommand.lengths),
    sweep("many_blocks", GemmCommand.blocks),
    sweep("ties", GemmCommand.ties),
    sweep(
        "a_small_a_is_read_once",
        lambda rng, config: [
            GemmCommand.of_shape(rng, 1, 40 * config.array_cols, 24, GemmFlags.OUT_INT32 | GemmFlags.A_RESIDENT)
        ],
        reads_once=True,
    ),
    beginnings("huge_sizes", GemmCommand.huge),
    pace(
        lambda rng, config: list(GemmCommand.each_flag(rng, config))[::2],
        {"tiny": (3168, 7776, 6267, 5784, 7760, 5296), "zybo-z7-10": (3976, 8584, 6444, 5784, 8568, 5296)},
    ),
    resets(
        lambda rng, _: (GemmCommand.of_shape(rng, 20, 30, 60) for _ in range(8)),
        some(GemmCommand.random, 1),
        within=900,
    ),
)


@TABLE.case()
async def array_stays_busy(bench: EngineBench) -> None:
    """Without backpressure the array multiplies in at least 85 % of the cycles; twice as long where B may hold -128 and
    two products share a multiplier."""
    config = bench.config
    m, n, k = 12 * config.array_rows, 12 * config.array_cols, 128
    whole = GemmFlags.PARAMS
    int8 = whole | GemmFlags.B_NARROW
    for flags in (int8, int8 | GemmFlags.A_RESIDENT, int8 | GemmFlags.OUT_INT16, whole):
        (cycles,) = await bench.run_all([GemmCommand.of_shape(bench.rng, m, n, k, flags)])
        rate = config.macs_per_cycle // (1 if flags & GemmFlags.B_NARROW else config.array_depth)
        busy = m * n * k / rate / cycles
        bench.dut._log.info("%d cycles, array busy %.1f %%", cycles, 100 * busy)
        assert busy >= 0.85


@TABLE.case()
async def so_many_reads_are_open_at_most(bench: EngineBench) -> None:
    """On a memory that is later than all of them take."""
    bench.stall(Stalls(latency=300))
    await bench.run_all([GemmCommand.of_shape(bench.rng, 20, 40, 256, GemmFlags.PARAMS)])
    assert bench.ram.most_reads == [bench.config.outstanding] * bench.config.read_ports
