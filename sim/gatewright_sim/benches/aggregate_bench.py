"""The aggregation engine behind its AXI4 master, against the golden model. The design is
``EngineTop(AggregateEngine(config))``."""

from __future__ import annotations

import numpy as np

from gatewright.spec.kept_rows import kept_rows
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.engine_bench import EngineBench, start_bench
from gatewright_sim.benches.harness.engine_cases import beginnings, pace, resets, some, sweep
from gatewright_sim.benches.harness.pauses import ALONE, FREE, LATE, REGIMES, Stalls
from gatewright_sim.commands import AggregateCommand
from gatewright_sim.commands.far_columns import FarColumns
from gatewright_sim.commands.layout import beats
from gatewright_sim.commands.long_row import LongRow

__all__ = ["TABLE"]

TABLE = Table(
    start_bench,
    sweep("random_matrices", some(AggregateCommand.random, 3), REGIMES, seeds=(1, 2, 3)),
    sweep("feature_widths", AggregateCommand.boundaries, [Stalls.both(0.1, 3)]),
    sweep("kept_rows", AggregateCommand.kept, [FREE, Stalls.both(0.3, 3)], reads_once=True),
    sweep("chosen_graphs", AggregateCommand.extremes, reads_once=True),
    sweep("mostly_empty_rows", AggregateCommand.mostly_empty, [FREE, LATE, *ALONE], reads_once=True),
    sweep("every_memory", AggregateCommand.each_width, [*REGIMES, *ALONE], reads_once=True),
    sweep("ties", AggregateCommand.ties, reads_once=True),
    sweep("limits", AggregateCommand.limits, [FREE, Stalls.both(0.05, 60)]),
    sweep("faults", AggregateCommand.faulty, [FREE, Stalls.both(0.3, 4)], seeds=(1, 2)),
    sweep("far_columns", FarColumns.each_bit, [FREE, Stalls.both(0.3, 2)]),
    sweep("long_rows", LongRow.each_bit),
    beginnings("huge_sizes", AggregateCommand.huge),
    pace(
        AggregateCommand.each_pace,
        {"tiny": (1254, 2406, 1689, 1677, 2402, 1488), "zybo-z7-10": (5028, 6196, 5055, 5046, 6192, 5028)},
    ),
    resets(
        lambda rng, _: (AggregateCommand.of_width(rng, 30) for _ in range(6)),
        lambda rng, config: [AggregateCommand.of_width(rng, int(rng.integers(1, 60)))],
        within=250,
    ),
)
"""Of a faulty matrix the first fault is named, the rows before it are written, and nothing wild is read."""


@TABLE.case()
async def edges_fill_the_bus_or_the_lanes(bench: EngineBench) -> None:
    """Without backpressure, rows of 64 features pass at nearly a beat a cycle and port, or a group where a beat is
    several, and no beat is read twice."""
    command = AggregateCommand.of_degrees(bench.rng, bench.rng.integers(0, 20, 40), 64)
    (cycles,) = await bench.run_all([command], reads_once=True)
    edges, (cols, features) = bench.config.aggregate_edges, command.x.shape
    steps = int((-(-np.diff(command.row_ptr.astype(np.int64)) // edges)).sum())
    groups = steps * features * edges // bench.config.aggregate_lanes
    kept = kept_rows(bench.config, cols, len(command.col), features) * beats(features)  # before everything else
    bench.dut._log.info("%d beats read, %d groups summed in %d cycles", bench.read_beats, groups, cycles)
    assert cycles <= 1.1 * max(-(-bench.read_beats // edges), groups) + kept + 200
