"""RowScale against ``spec.vector``: norms and softmaxes of the widest rows, and the cycles it says."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.vector import EXP2_ONE, MAX_COLUMNS, norm_scale, softmax_scale
from gatewright_hw.engines.vector.row_scale import RowScale
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses


def scales(
    dut: RowScale, port: str, rows: list[Any], settings: dict[str, int], rng: np.random.Generator
) -> list[tuple[int, int, int]]:
    """Send ``rows`` (payloads of ``port``) through; returns (factor, offset, shift) of each."""
    got: list[Any] = []

    async def setup(ctx: Any) -> None:
        for name, value in settings.items():
            ctx.set(getattr(dut, name), value)

    simulate(
        dut,
        setup,
        put_all(getattr(dut, port), rows, random_pauses(rng, 0, 0, 30)),
        get_all(dut.o, len(rows), got, random_pauses(rng, 0, 4, 90)),
    )
    return [(scale.factor, scale.offset, scale.shift) for scale in got]


@pytest.mark.parametrize("epsilon", [0, 77, (1 << 48) - 1])
@pytest.mark.parametrize("count", [1, 2, 384, MAX_COLUMNS])
def test_scales_of_norms(count: int, epsilon: int, rng: np.random.Generator) -> None:
    low, high = -(1 << 15), (1 << 15) - 1
    rows = [np.full(count, value) for value in (0, low, high, 1)]
    rows += [np.where(np.arange(count) < count // 2, low, high)]
    rows += [rng.integers(low, high + 1, count) >> shift for shift in (0, 1, 3, 5, 8, 11, 14, 15)]
    totals, squares = np.array([x.sum() for x in rows]), np.array([(x * x).sum() for x in rows])
    figures = [{"total": int(total), "power": int(power)} for total, power in zip(totals, squares, strict=True)]
    settings = {"softmax": 0, "count": count, "epsilon": epsilon}
    got = scales(RowScale(MAX_COLUMNS), "statistics", figures, settings, rng)
    rates, shifts = norm_scale(count, totals, squares, epsilon)
    for (factor, offset, shift), total, rate, expected_shift in zip(got, totals, rates, shifts, strict=True):
        if rate:
            assert (factor, offset, shift) == (count * rate, total * rate, expected_shift)
        else:  # no variance: all elements are alike, hence any scale gives zeros
            assert count * offset == total * factor


def test_scales_of_softmax(rng: np.random.Generator) -> None:
    ends = [EXP2_ONE, MAX_COLUMNS * EXP2_ONE, 2 * EXP2_ONE - 1, 2 * EXP2_ONE, 2 * EXP2_ONE + 1]
    sums = [*ends, *(int(rng.integers(EXP2_ONE, 1 << rng.integers(16, 28))) for _ in range(60))]
    got = scales(RowScale(MAX_COLUMNS), "sum", sums, {"softmax": 1, "count": 5, "epsilon": 99}, rng)
    rates, lengths = softmax_scale(np.array(sums))
    assert got == [(rate, 0, length) for rate, length in zip(rates, lengths, strict=True)]


@pytest.mark.parametrize(
    ("softmax", "port", "payload", "cycles"),
    [(0, "statistics", {"total": 5, "power": 99}, RowScale.norm_cycles), (1, "sum", 99_999, RowScale.softmax_cycles)],
)
def test_rows_follow_each_other_after_the_cycles_it_says(softmax: int, port: str, payload: Any, cycles: int) -> None:
    dut = RowScale(MAX_COLUMNS)
    rows = getattr(dut, port)
    ready = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.softmax, softmax)
        ctx.set(dut.count, 8)
        ctx.set(rows.payload, payload)
        ctx.set(rows.valid, 1)
        ctx.set(dut.o.ready, 1)
        for _ in range(5 * cycles):
            ready.append(ctx.get(rows.ready))
            await ctx.tick()

    simulate(dut, testbench)
    assert ready == [cycle % cycles == 0 for cycle in range(5 * cycles)]
