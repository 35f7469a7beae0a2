"""VectorDatapath against the three stages of ``spec.vector``, one after the other, for every function."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.vector import (
    GAIN_BITS,
    TABLE_ENTRIES,
    Combine,
    ElementType,
    Function,
    apply_table,
    combine,
    normalise,
    out,
    softmax,
)
from gatewright_hw.engines.vector.datapath import VectorDatapath
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import put_all, random_pauses
from gatewright_sim.components.values import Int64, signed_values
from gatewright_sim.components.vector_rows import groups_of, row_shape

MAX_COLUMNS = 16
ROWS = 5
EPSILON = 12345


def expected(
    function: Function, v: Int64, table: np.ndarray, gain: Int64, shift: Int64, bias: Int64, kind: ElementType
) -> Int64:
    z = {
        Function.NONE: lambda: v,
        Function.TABLE: lambda: apply_table(table, v),
        Function.LAYER_NORM: lambda: normalise(v, EPSILON, centre=True),
        Function.RMS_NORM: lambda: normalise(v, EPSILON, centre=False),
        Function.SOFTMAX: lambda: softmax(v),
    }[function]()
    return out(z, gain, shift, bias, kind)


async def load(ctx: Any, write: Any, records: list[int]) -> None:
    for index, record in enumerate(records):
        ctx.set(write.valid, 1)
        ctx.set(write.index, index)
        ctx.set(write.record, record)
        await ctx.tick()
    ctx.set(write.valid, 0)


@pytest.mark.parametrize(
    ("function", "kind", "columns", "slow"),
    [
        (Function.NONE, Combine.ADD, 6, False),
        (Function.TABLE, Combine.ALONE, 16, False),
        (Function.LAYER_NORM, Combine.ADD, 16, False),
        (Function.LAYER_NORM, Combine.MULTIPLY, 5, True),
        (Function.RMS_NORM, Combine.ALONE, 1, False),
        (Function.SOFTMAX, Combine.ADD, 13, False),
        (Function.SOFTMAX, Combine.ALONE, 16, True),
    ],
)
def test_equals_the_three_stages(
    lanes: int, function: Function, kind: Combine, columns: int, slow: bool, rng: np.random.Generator
) -> None:
    bits = 32 if slow else 16
    a, b = (signed_values(rng, bits, (ROWS, columns)) for _ in "ab")
    a_multiplier, b_multiplier, combine_shift = 300, -77, 20 if slow else 5
    table = signed_values(rng, 16, (TABLE_ENTRIES, 2)).astype(np.int16)
    gain, bias = signed_values(rng, GAIN_BITS, columns), signed_values(rng, 24, columns)
    shift = rng.integers(8, 30, columns)
    y_type = ElementType.INT16
    v = combine(kind, a, None if kind is Combine.ALONE else b, a_multiplier, b_multiplier, combine_shift)
    dut = VectorDatapath(MAX_COLUMNS, lanes)
    noise = signed_values(rng, bits, lanes)
    operands = {name: [group for group, _ in groups_of(rows, noise)] for name, rows in {"a": a, "b": b}.items()}
    last_group = row_shape(columns, lanes)["last_group"]
    got: list[list[int]] = []
    sent: list[tuple[int, int]] = []
    ready: list[bool] = []  # records and table are there

    async def testbench(ctx: Any) -> None:
        combination = {
            "kind": kind,
            "a_multiplier": a_multiplier,
            "b_multiplier": b_multiplier,
            "shift": combine_shift,
        }
        setup = {
            "combination": combination,
            "function": function,
            "epsilon": EPSILON,
            "y_type": y_type,
            "per_column": 1,
            "cols": columns,
            "row": row_shape(columns, lanes),
            "slow": slow,
        }
        ctx.set(dut.setup, setup)
        records = zip(bias.tolist(), gain.tolist(), shift.tolist(), strict=True)
        await load(
            ctx, dut.output_records, [b % (1 << 32) | g % (1 << GAIN_BITS) << 32 | s << 48 for b, g, s in records]
        )
        halves = table.astype(np.uint16).tolist() if function is Function.TABLE else []
        await load(ctx, dut.table_records, [here | after << 16 for here, after in halves])
        ready.append(True)
        departure = dut.departure
        lasts = []
        while len(got) < len(operands["a"]):
            ctx.set(departure.room, rng.random() < 0.8)
            outputs = (departure.sent, departure.index, departure.last, dut.y_valid, dut.y_last, dut.y)
            _, _, departs, index, last, valid, y_last, y = await ctx.tick().sample(*outputs)
            if departs:
                sent.append((index, last))
            if valid:
                got.append(list(y))
                lasts.append((y_last, len(sent) >= len(got)))
        assert lasts == [(i % (last_group + 1) == last_group, True) for i in range(len(got))]

    def supply(name: str) -> Any:
        async def bench(ctx: Any) -> None:
            while not ready:
                await ctx.tick()
            await put_all(getattr(dut, name), operands[name], random_pauses(rng, 0, 0, 0, 3))(ctx)

        return bench

    simulate(dut, testbench, background=[supply("a"), *([] if kind is Combine.ALONE else [supply("b")])])
    y = np.array(got).reshape(ROWS, -1)[:, :columns]
    np.testing.assert_array_equal(y, expected(function, v, table, gain, shift, bias, y_type))
    assert sent == [(i % (last_group + 1), i % (last_group + 1) == last_group) for i in range(len(got))]
