"""ATTENTION commands on the gemm engine behind its AXI4 master, against the golden model. The design is
``EngineTop(GemmEngine(config))``."""

from __future__ import annotations

from gatewright.spec.commands import AttentionFlags
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.engine_bench import EngineBench, start_bench
from gatewright_sim.benches.harness.engine_cases import beginnings, pace, resets, some, sweep
from gatewright_sim.benches.harness.pauses import ALONE, FREE, LATE, REGIMES, Stalls
from gatewright_sim.commands import AttentionCommand, GemmCommand

__all__ = ["TABLE"]

_MIXED = (AttentionCommand, GemmCommand, AttentionCommand)
"""Nor does a command of the other kind leave anything behind."""

TABLE = Table(
    start_bench,
    sweep("random_attentions", some(AttentionCommand.random, 3), REGIMES, reads_once=True, seeds=(1, 2, 3)),
    sweep("every_edge", AttentionCommand.boundaries, [Stalls.both(0.1, 3)], reads_once=True),
    sweep("extreme_weights", AttentionCommand.extremes, reads_once=True),
    sweep("every_memory", AttentionCommand.each_flag, [*REGIMES, *ALONE], reads_once=True),
    sweep("every_reach", AttentionCommand.reaches, reads_once=True),
    sweep("more_than_the_rings_hold", AttentionCommand.rings, [FREE, LATE], reads_once=True),
    sweep("many_heads", AttentionCommand.many_heads, [FREE, LATE, *ALONE], reads_once=True),
    sweep("ties", AttentionCommand.ties, reads_once=True),
    sweep("ties_of_scales", AttentionCommand.scale_ties, reads_once=True),
    beginnings("huge_sizes", AttentionCommand.huge),
    pace(
        AttentionCommand.each_flag,
        {"tiny": (1891, 4199, 2884, 2664, 4191, 2579), "zybo-z7-10": (2844, 5156, 3089, 2861, 5148, 2844)},
    ),
    resets(
        lambda rng, _: (AttentionCommand.of_shape(rng, 13, 40, 2, 16) for _ in range(8)),
        lambda rng, config: (kind.random(rng, config) for kind in _MIXED),
        within=1500,
    ),
)


@TABLE.case()
async def array_stays_busy(bench: EngineBench) -> None:
    """Without backpressure the array multiplies in at least 80 % of the cycles; the causal mask saves a third of
    them."""
    seq, d = bench.config.max_seq, bench.config.max_head_dim
    plain, causal = await bench.run_all(
        [
            AttentionCommand.of_shape(bench.rng, seq, seq, 2, d, flags)
            for flags in (AttentionFlags(0), AttentionFlags.CAUSAL)
        ],
        reads_once=True,
    )
    busy = 2 * 2 * seq * seq * d / bench.config.macs_per_cycle / plain
    bench.dut._log.info("%d cycles, array busy %.1f %%", plain, 100 * busy)
    assert busy >= 0.8
    assert causal <= 2 / 3 * plain
