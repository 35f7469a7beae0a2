"""OutLanes against ``spec.vector.out``: every type, one record or one per column, ties and limits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gatewright.spec.vector import GAIN_BITS, MIN_SHIFT, VALUE_BITS, ElementType, out
from gatewright_hw.engines.vector.out import OutLanes
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.values import Int64, signed_values, ties
from gatewright_sim.components.vector_rows import groups_of, row_shape

MAX_COLUMNS = 32


def results(
    lanes: int,
    z: Int64,
    gain: Int64,
    shift: Int64,
    bias: Int64,
    kind: ElementType,
    rng: np.random.Generator,
    first_groups: Sequence[int] = (),
) -> Int64:
    """y for rows ``z`` and records [1] or [columns], with pauses between groups; ``first_groups`` of the rows."""
    dut = OutLanes(MAX_COLUMNS, lanes)
    columns = z.shape[1]
    groups = groups_of(z, signed_values(rng, VALUE_BITS, lanes))
    valid: list[bool] = []
    while sum(valid) < len(groups):
        valid.append(rng.random() < 0.8)
    waiting = iter(groups)
    fed = [next(waiting) if now else ([0] * lanes, False) for now in valid]
    got = []
    ends = [group[1] and now for group, now in zip(fed, valid, strict=True)]
    rows_before = np.cumsum([0, *ends])  # each cycle

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.per_column, len(gain) > 1)
        ctx.set(dut.kind, kind)
        ctx.set(dut.row, row_shape(columns, lanes))
        for column, record in enumerate(zip(bias.tolist(), gain.tolist(), shift.tolist(), strict=True)):
            ctx.set(dut.load.valid, 1)
            ctx.set(dut.load.index, column)
            ctx.set(dut.load.record, record[0] % (1 << 32) | record[1] % (1 << GAIN_BITS) << 32 | record[2] << 48)
            await ctx.tick()
        ctx.set(dut.load.valid, 0)
        for cycle in range(len(fed) + dut.delay):
            group, _ = fed[cycle] if cycle < len(fed) else ([0] * lanes, False)
            ctx.set(dut.z, group)
            if first_groups:
                row = rows_before[min(cycle, len(rows_before) - 1)]
                ctx.set(dut.first_group.valid, int(row < len(first_groups)))
                ctx.set(dut.first_group.payload, first_groups[row] if row < len(first_groups) else 0)
            ctx.set(dut.valid, cycle < len(fed) and valid[cycle])
            if cycle >= dut.delay:
                assert ctx.get(dut.y_valid) == valid[cycle - dut.delay]
                if ctx.get(dut.y_valid):
                    assert ctx.get(dut.y_last) == fed[cycle - dut.delay][1]
                    got.append(list(ctx.get(dut.y)))
            await ctx.tick()

    simulate(dut, testbench)
    return np.array(got).reshape(len(z), -1)[:, :columns]


@pytest.mark.parametrize("kind", ElementType)
@pytest.mark.parametrize("columns", [1, 6, 32])
def test_a_record_for_each_column(lanes: int, columns: int, kind: ElementType, rng: np.random.Generator) -> None:
    z = signed_values(rng, VALUE_BITS, (20, columns))
    gain, bias = signed_values(rng, GAIN_BITS, columns), signed_values(rng, 32, columns)
    shift = rng.integers(0, 64, columns)
    np.testing.assert_array_equal(results(lanes, z, gain, shift, bias, kind, rng), out(z, gain, shift, bias, kind))


def test_the_records_of_a_row_that_begins_elsewhere(lanes: int, rng: np.random.Generator) -> None:
    """Rows of eight out of 32 columns."""
    z, firsts = signed_values(rng, VALUE_BITS, (20, 8)), (8 * rng.integers(0, 4, 20)).tolist()
    gain, bias = signed_values(rng, GAIN_BITS, MAX_COLUMNS), signed_values(rng, 32, MAX_COLUMNS)
    shift = rng.integers(0, 64, MAX_COLUMNS)
    found = results(lanes, z, gain, shift, bias, ElementType.INT32, rng, [first // lanes for first in firsts])
    for row, first in enumerate(firsts):
        own = slice(first, first + 8)
        np.testing.assert_array_equal(found[row], out(z[row], gain[own], shift[own], bias[own], ElementType.INT32))


@pytest.mark.parametrize("kind", ElementType)
@pytest.mark.parametrize("shift", [0, MIN_SHIFT + 1, 12, 40])
def test_one_record_for_all(lanes: int, shift: int, kind: ElementType, rng: np.random.Generator) -> None:
    """Gains of one, with which ties of ``shift`` are on purpose."""
    columns = 12
    z = np.where(
        rng.integers(0, 2, (20, columns)),
        ties(rng, VALUE_BITS, np.full((20, columns), max(shift, MIN_SHIFT))),
        signed_values(rng, VALUE_BITS, (20, columns)),
    )
    gain, bias = np.array([rng.choice([-1, 1])]), np.array([rng.choice([0, 0, 128, -256, (1 << 31) - 1])])
    expected = out(z, gain, np.array([shift]), bias, kind)
    np.testing.assert_array_equal(results(lanes, z, gain, np.array([shift]), bias, kind, rng), expected)


@pytest.mark.parametrize("below", [-1, 0, 1])
def test_bits_below_the_bias_decide_ties_only(lanes: int, below: int, rng: np.random.Generator) -> None:
    """z at a half, and by the least bit above or below it."""
    shift = 16
    odd = 2 * np.arange(-8, 8)[None] + 1
    z = (odd << shift - 1) + below
    one, zero = np.array([1]), np.array([0])
    expected = out(z, one, np.array([shift]), zero, ElementType.INT32)
    np.testing.assert_array_equal(results(lanes, z, one, np.array([shift]), zero, ElementType.INT32, rng), expected)
