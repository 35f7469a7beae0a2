"""RowPacker: groups of every type become rows in memory, and no byte beside them is written."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import ElementType
from gatewright_hw.engines.vector.row_packer import RowPacker
from gatewright_sim.components.port_memory import PortMemory
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.vector_rows import groups_of, row_shape

MAX_COLUMNS = 64
SIZE = 1 << 13
ADDR = 1 << 10
PIPELINE = 6  # cycles from a group's departure to its arrival


@pytest.mark.parametrize("stall", [0.0, 0.7])
@pytest.mark.parametrize("kind", ElementType)
@pytest.mark.parametrize("columns", [1, 3, 4, 6, 9, 64])
def test_rows_in_memory(lanes: int, columns: int, kind: ElementType, stall: float, rng: np.random.Generator) -> None:
    """Groups set off whenever there is room, at most every other cycle where a group is more than a beat."""
    limits = np.iinfo(kind.dtype)
    rows = rng.integers(limits.min, limits.max, (9, columns), endpoint=True)
    row_bytes = columns * kind.nbytes
    beats = -(-row_bytes // BUS_BYTES)
    stride = BUS_BYTES * (beats + int(rng.integers(0, 3)))
    background = rng.bytes(SIZE)
    memory = PortMemory(bytearray(background), int(rng.integers(1 << 30)), (1, 20), stall)
    dut = RowPacker(MAX_COLUMNS, lanes)
    groups = groups_of(rows, rng.integers(limits.min, limits.max, lanes))
    per_row = len(groups) // len(rows)

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.matrix, {"addr": ADDR, "stride": stride, "rows": len(rows), "beats": beats})
        ctx.set(dut.kind, kind)
        ctx.set(dut.row, row_shape(columns, lanes))
        ctx.set(dut.strb, (1 << (row_bytes - 1) % BUS_BYTES + 1) - 1)
        await ctx.tick().repeat(2)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        on_the_way: list[tuple[list[int], bool] | None] = [None] * PIPELINE
        index, pause = 0, False
        while index < len(groups) or any(on_the_way):
            assert not ctx.get(dut.idle)
            departs = index < len(groups) and bool(ctx.get(dut.departure.room)) and not pause and rng.random() < 0.9
            pause = departs and lanes * kind.nbytes > BUS_BYTES
            on_the_way.append(groups[index] if departs else None)
            ctx.set(dut.departure.sent, departs)
            ctx.set(dut.departure.index, index % per_row)
            ctx.set(dut.departure.last, departs and groups[index][1])
            index += departs
            arrives = on_the_way.pop(0)
            group, last = arrives or ([0] * lanes, False)
            ctx.set(dut.valid, arrives is not None)
            ctx.set(dut.last, last)
            ctx.set(dut.y, group)
            await ctx.tick()
        ctx.set(dut.valid, 0)
        await ctx.tick().until(dut.idle)

    simulate(dut, testbench, background=[memory.writes(dut.port)])
    expected = bytearray(background)
    for number, row in enumerate(rows.astype(kind.dtype)):
        expected[ADDR + number * stride : ADDR + number * stride + row_bytes] = row.tobytes()
    assert memory.data == expected
