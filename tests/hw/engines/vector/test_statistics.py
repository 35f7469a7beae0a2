"""RowStatistics against sums of numpy: every tail, extreme rows, noise beyond a row's end, rows that wait."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.fixed import saturate
from gatewright.spec.vector import NORM_INPUT_BITS, VALUE_BITS
from gatewright_hw.engines.vector.statistics import RowStatistics
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, random_pauses
from gatewright_sim.components.values import Int64, signed_values
from gatewright_sim.components.vector_rows import groups_of, row_shape

MAX_COLUMNS = 64


def statistics(lanes: int, rows: Int64, centre: bool, rng: np.random.Generator) -> list[dict[str, int]]:
    """The figures that the component gives for ``rows``."""
    dut = RowStatistics(MAX_COLUMNS, lanes)
    groups = groups_of(rows, signed_values(rng, VALUE_BITS, lanes))
    got: list[Any] = []

    async def send(ctx: Any) -> None:
        ctx.set(dut.row, row_shape(rows.shape[1], lanes))
        ctx.set(dut.centre, centre)
        for group, last in groups:
            while last and not ctx.get(dut.room):
                await ctx.tick()
            ctx.set(dut.claim, last)
            ctx.set(dut.valid, 1)
            ctx.set(dut.last, last)
            ctx.set(dut.v, group)
            await ctx.tick()
            ctx.set(dut.claim, 0)
            ctx.set(dut.valid, 0)
            if rng.random() < 0.3:
                await ctx.tick()

    simulate(dut, send, get_all(dut.o, len(rows), got, random_pauses(rng, 0, 0, 40)))
    return [{name: getattr(figures, name) for name in ("total", "power", "peak")} for figures in got]


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5, 7, 16, 63, 64])
def test_equals_the_sums(lanes: int, columns: int, centre: bool, rng: np.random.Generator) -> None:
    lowest = -(1 << VALUE_BITS - 1)
    extreme = [np.full(columns, value) for value in (0, lowest, -(1 << 15), (1 << 15) - 1, ~lowest, -1)]
    rows = np.concatenate([extreme, signed_values(rng, VALUE_BITS, (12, columns)), rng.integers(-99, 99, (4, columns))])
    x = saturate(rows, NORM_INPUT_BITS)
    totals = x.sum(1) if centre else np.zeros(len(rows), np.int64)
    figures = zip(totals.tolist(), np.square(x).sum(1).tolist(), rows.max(1).tolist(), strict=True)
    assert statistics(lanes, rows, centre, rng) == [
        {"total": total, "power": power, "peak": peak} for total, power, peak in figures
    ]


def test_delay(lanes: int) -> None:
    dut = RowStatistics(MAX_COLUMNS, lanes)

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.row, row_shape(lanes, lanes))
        for name in ("claim", "valid", "last"):
            ctx.set(getattr(dut, name), 1)
        await ctx.tick()
        ctx.set(dut.valid, 0)
        for cycle in range(1, dut.delay + 1):
            assert ctx.get(dut.o.valid) == (cycle == dut.delay)
            await ctx.tick()

    simulate(dut, testbench)
