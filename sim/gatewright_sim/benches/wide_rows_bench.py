"""The aggregation engine on rows wider than its small configurations hold. The design is
``EngineTop(AggregateEngine(config))``."""

from __future__ import annotations

from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.engine_bench import start_bench
from gatewright_sim.benches.harness.engine_cases import sweep
from gatewright_sim.benches.harness.pauses import FREE, Stalls
from gatewright_sim.commands import AggregateCommand

__all__ = ["TABLE"]

TABLE = Table(start_bench, sweep("wide_rows", AggregateCommand.wide, [FREE, Stalls.both(0.3, 2)], reads_once=True))
