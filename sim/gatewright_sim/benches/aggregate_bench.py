"""The aggregation engine behind its AXI4 master, against the golden model. The design is
``EngineTop(AggregateEngine(config))``."""

from __future__ import annotations

from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.engine_bench import EngineBench, resets, some, start_bench, sweep
from gatewright_sim.benches.harness.pauses import FREE, REGIMES, Stalls
from gatewright_sim.commands import AggregateCommand

__all__ = ["TABLE"]

TABLE = Table(
    start_bench,
    sweep("random_matrices", some(AggregateCommand.random, 3), REGIMES, seeds=(1, 2, 3)),
    sweep("feature_widths", AggregateCommand.boundaries, [Stalls.both(0.1, 3)]),
    sweep("chosen_graphs", AggregateCommand.extremes),
    sweep("faults", AggregateCommand.faulty, [FREE, Stalls.both(0.3, 4)], seeds=(1, 2)),
    resets(
        lambda rng, _: (AggregateCommand.of_width(rng, 30) for _ in range(6)),
        lambda rng, config: [AggregateCommand.of_width(rng, int(rng.integers(1, 60)))],
        within=250,
    ),
)
"""Of a faulty matrix the first fault is named, the rows before it are written, and nothing wild is read."""


@TABLE.case()
async def reads_fill_the_bus(bench: EngineBench) -> None:
    """Without backpressure, rows of 64 features arrive nearly a beat a cycle, and no beat is read twice."""
    command = AggregateCommand.of_degrees(bench.rng, bench.rng.integers(0, 20, 40), 64)
    (cycles,) = await bench.run_all([command], reads_once=True)
    bench.dut._log.info("%d beats read in %d cycles", bench.read_beats, cycles)
    assert cycles <= 1.1 * bench.read_beats + 200
