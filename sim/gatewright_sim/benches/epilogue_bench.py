"""Products that go through the vector engine on their way to memory, against the golden model. The design is
``EngineTop(ProductEngine(config))``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gatewright.spec.commands import GemmFlags
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.vector import Combine, ElementType, Function
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.engine_bench import EngineBench, start_bench
from gatewright_sim.benches.harness.engine_cases import beginnings, pace, resets, some, sweep
from gatewright_sim.benches.harness.pauses import ALONE, FREE, REGIMES, Stalls
from gatewright_sim.commands import AttentionCommand, Command, EpilogueCommand, GemmCommand, VectorCommand

__all__ = ["TABLE"]

_KINDS = (EpilogueCommand.random, GemmCommand.random, VectorCommand.random, AttentionCommand.random)


def _any_order(rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[Command]:
    """Epilogues before and after all else that the two engines do."""
    for _ in range(12):
        yield EpilogueCommand.random(rng, config)
        yield _KINDS[rng.integers(len(_KINDS))](rng, config)


TABLE = Table(
    start_bench,
    sweep("random_epilogues", some(EpilogueCommand.random, 6), REGIMES, seeds=(1, 2, 3)),
    sweep("every_edge", EpilogueCommand.boundaries, [FREE, Stalls.both(0.1, 3)]),
    sweep("every_memory", EpilogueCommand.each_kind, [*REGIMES, *ALONE]),
    sweep("many_rows", EpilogueCommand.many_rows, [FREE, Stalls.both(0.2, 4)]),
    sweep("any_order", _any_order, [FREE, Stalls.both(0.1, 3)], seeds=(1, 2)),
    beginnings("huge_sizes", EpilogueCommand.huge),
    pace(EpilogueCommand.each_kind, {"tiny": (5120, 8572, 5862, 5844, 8560, 5790)}),
    resets(some(EpilogueCommand.random, 10), some(EpilogueCommand.random, 2), within=600, seeds=(1, 2)),
)


@TABLE.case()
async def the_array_stays_busy(bench: EngineBench) -> None:
    """As without an epilogue, but for the last tile's way, whatever the epilogue, while a tile takes as long as its
    results take at a group a cycle."""
    config = bench.config
    m, n, k = 12 * config.array_rows, 12 * config.array_cols, 128
    flags = GemmFlags.PARAMS | GemmFlags.OUT_INT16 | GemmFlags.B_NARROW
    (plain,) = await bench.run_all([GemmCommand.of_shape(bench.rng, m, n, k, flags)])
    for function, combine in ((Function.TABLE, Combine.ALONE), (Function.NONE, Combine.ADD)):
        int16 = ElementType.INT16
        one = EpilogueCommand.of_shape(bench.rng, m, n, k, flags=flags, function=function, combine=combine, kind=int16)
        (cycles,) = await bench.run_all([one])
        bench.dut._log.info("%s %s: %d cycles, %d without", function.name, combine.name, cycles, plain)
        assert cycles <= 1.05 * plain + 400
