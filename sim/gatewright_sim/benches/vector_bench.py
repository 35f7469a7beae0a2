"""The vector engine behind its AXI4 master, against the golden model. The design is
``EngineTop(VectorEngine(config))``."""

from __future__ import annotations

from dataclasses import replace

from gatewright.spec.vector import Combine, ElementType, Function
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.engine_bench import EngineBench, start_bench
from gatewright_sim.benches.harness.engine_cases import beginnings, pace, resets, some, sweep
from gatewright_sim.benches.harness.pauses import ALONE, FREE, LATE, REGIMES, Stalls
from gatewright_sim.commands import VectorCommand

__all__ = ["TABLE"]

TABLE = Table(
    start_bench,
    sweep("random_operations", some(VectorCommand.random, 10), REGIMES, reads_once=True, seeds=(1, 2, 3)),
    sweep("every_combination_of_types", VectorCommand.types, [Stalls.both(0.1, 3)], reads_once=True),
    sweep("row_widths", VectorCommand.boundaries, [FREE, Stalls.both(0.1, 3)], reads_once=True),
    sweep("extreme_rows", VectorCommand.extremes),
    sweep("every_memory", VectorCommand.each_kind, [*REGIMES, *ALONE], reads_once=True),
    sweep("ties", VectorCommand.ties),
    sweep("table_ends", VectorCommand.table_ends),
    sweep("softmax_steps", VectorCommand.softmax_steps),
    sweep("row_counts", VectorCommand.row_counts, [FREE, LATE], reads_once=True),
    sweep("many_short_rows", VectorCommand.short_rows, [FREE, Stalls.both(0.2, 4)]),
    beginnings("huge_sizes", VectorCommand.huge),
    pace(
        VectorCommand.each_kind,
        {"tiny": (3832, 8227, 5664, 5628, 8212, 5481), "zybo-z7-10": (4058, 8438, 5724, 5688, 8423, 5541)},
    ),
    resets(some(VectorCommand.random, 10), some(VectorCommand.random, 2), within=300, seeds=(1, 2)),
)


@TABLE.case()
async def rows_pass_at_a_group_a_cycle(bench: EngineBench) -> None:
    """Without backpressure, or nearly so, whatever the function; four lanes fill the bus with int16."""
    i16, cols, rows = ElementType.INT16, bench.config.max_columns, 24
    for function in Function:
        one = VectorCommand.of_shape(
            bench.rng, rows, cols, function=function, combine=Combine.ALONE, types=(i16, i16, i16)
        )
        one = replace(one, a=bench.rng.integers(-5000, 5000, (rows, cols)).astype(i16.dtype))
        (cycles,) = await bench.run_all([one], reads_once=True)
        ahead = bench.read_beats - rows * cols // 4
        groups = rows * cols // bench.config.vector_lanes
        bench.dut._log.info("%s: %d groups in %d cycles", function.name, groups, cycles - ahead)
        assert cycles - ahead <= 1.1 * groups + 300 * (function is Function.TABLE) + 300


@TABLE.case()
async def results_of_int32_fill_the_bus(bench: EngineBench) -> None:
    """A beat of Y a cycle, which is a group of two lanes, or half a group of four."""
    i16, i32, cols, rows = ElementType.INT16, ElementType.INT32, bench.config.max_columns, 12
    one = VectorCommand.of_shape(
        bench.rng, rows, cols, function=Function.NONE, combine=Combine.ALONE, types=(i16, i16, i32)
    )
    (cycles,) = await bench.run_all([one], reads_once=True)
    assert cycles <= 1.1 * rows * cols // 2 + cols + 300


@TABLE.case()
async def so_many_reads_are_open_at_most(bench: EngineBench) -> None:
    """On a memory that is later than all of them take, of short rows that do not lie side by side."""
    bench.stall(Stalls(latency=300))
    for combine, readers in ((Combine.ALONE, 1), (Combine.ADD, 2)):
        for port in bench.ram.ports:
            port.most_reads = 0
        one = VectorCommand.of_shape(bench.rng, 40, 5, function=Function.NONE, combine=combine)
        a = bench.rng.integers(-99, 99, (40, 5)).astype(ElementType.INT32.dtype)
        await bench.run_all([replace(one, a=a, b=a if readers == 2 else None)])
        assert sum(bench.ram.most_reads) == readers * bench.config.outstanding
