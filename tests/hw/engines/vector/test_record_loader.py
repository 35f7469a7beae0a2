"""RecordLoader: output records, then the table, then all that follows, whatever the pauses."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.vector import TABLE_ENTRIES
from gatewright_hw.engines.vector.record_loader import RecordLoader
from gatewright_sim.components.simulation import Testbench, simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses

MAX_COLUMNS = 16


@pytest.mark.parametrize("with_table", [False, True])
@pytest.mark.parametrize("records", [1, 5, MAX_COLUMNS])
def test_each_beat_goes_where_it_belongs(records: int, with_table: bool, rng: np.random.Generator) -> None:
    """Twice, since the second command must find nothing of the first."""
    dut = RecordLoader(MAX_COLUMNS)
    loaded: dict[str, list[tuple[int, int]]] = {"output_records": [], "table_records": []}
    rest: list[int] = []
    outputs, table, others = (rng.integers(0, 1 << 63, n).tolist() for n in (records, TABLE_ENTRIES // 2, 20))
    beats = [*outputs, *(table if with_table else []), *others]

    async def command(ctx: Any) -> None:
        for _ in range(2):
            ctx.set(dut.start, 1)
            ctx.set(dut.last_record, records - 1)
            ctx.set(dut.with_table, with_table)
            await ctx.tick()
            ctx.set(dut.start, 0)
            assert not ctx.get(dut.loaded)
            await put_all(dut.beats, beats, random_pauses(rng, 0, 0, 2))(ctx)

    async def told(ctx: Any) -> None:
        """``loaded`` says of each beat whether it is of the records."""
        of_records, seen = len(beats) - len(others), 0
        async for _, _, taken, is_loaded in ctx.tick().sample(dut.beats.valid & dut.beats.ready, dut.loaded):
            if taken:
                assert is_loaded == (seen % len(beats) >= of_records)
                seen += 1

    def watch(name: str) -> Testbench:
        write = getattr(dut, name)

        async def testbench(ctx: Any) -> None:
            async for _, _, valid, index, record in ctx.tick().sample(write.valid, write.index, write.record):
                if valid:
                    loaded[name].append((index, record))

        return testbench

    takes = get_all(dut.rest, 2 * len(others), rest, random_pauses(rng, 0, 0, 3))
    simulate(dut, command, takes, background=[told, *(watch(name) for name in loaded)])
    halves = [beat >> 32 * half & 0xFFFF_FFFF for beat in table for half in range(2)]
    assert loaded["output_records"] == 2 * list(enumerate(outputs))
    assert loaded["table_records"] == 2 * with_table * list(enumerate(halves))
    assert rest == 2 * others
