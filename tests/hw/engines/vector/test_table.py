"""TableLanes against ``spec.vector.apply_table``: every record, both ends, steep records, saturated operands."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.vector import TABLE_ENTRIES, TABLE_STEP_BITS, VALUE_BITS, apply_table
from gatewright_hw.engines.vector.table import TableLanes
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.values import signed_values


@pytest.mark.parametrize("steep", [False, True])
def test_equals_the_rule(lanes: int, steep: bool, rng: np.random.Generator) -> None:
    """``steep``: records that go from one end of int16 to the other."""
    limits = rng.choice([-(1 << 15), (1 << 15) - 1], (TABLE_ENTRIES, 2))
    records = (limits if steep else signed_values(rng, 16, (TABLE_ENTRIES, 2))).astype(np.int16)
    x = (np.arange(TABLE_ENTRIES) << TABLE_STEP_BITS) - (1 << 15) + rng.integers(0, 1 << TABLE_STEP_BITS, TABLE_ENTRIES)
    v = np.concatenate([x, signed_values(rng, VALUE_BITS, TABLE_ENTRIES)]).reshape(-1, lanes)
    rng.shuffle(v)
    valid = rng.integers(0, 4, len(v)) > 0
    dut = TableLanes(lanes)
    got = []

    async def testbench(ctx: Any) -> None:
        for index, (value, after) in enumerate(records.astype(np.uint16).tolist()):
            ctx.set(dut.load.valid, 1)
            ctx.set(dut.load.index, index)
            ctx.set(dut.load.record, value | after << 16)
            await ctx.tick()
        ctx.set(dut.load.valid, 0)
        for cycle in range(len(v) + dut.delay):
            here = cycle < len(v)
            ctx.set(dut.valid, here and int(valid[cycle]))
            ctx.set(dut.v, v[cycle].tolist() if here else [0] * lanes)
            if cycle >= dut.delay:
                assert ctx.get(dut.z_valid) == valid[cycle - dut.delay]
                got.append(list(ctx.get(dut.z)))
            await ctx.tick()

    simulate(dut, testbench)
    np.testing.assert_array_equal(np.array(got)[valid], apply_table(records, v)[valid])
