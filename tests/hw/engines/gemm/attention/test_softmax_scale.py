"""SoftmaxScale: the rule of spec.softmax.row_scale, one row a cycle."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright.spec.fixed import Requantise
from gatewright.spec.softmax import RECIPROCAL_BITS, RECIPROCAL_INDEX_BITS, RECIPROCAL_TABLE, row_scale
from gatewright_hw.engines.gemm.attention.softmax_scale import SoftmaxScale
from gatewright_hw.engines.gemm.geometry import Geometry
from gatewright_sim.components.simulation import simulate

HALF = 1 << RECIPROCAL_BITS - 1


def reciprocal(total: int) -> int:
    """The table's entry for a sum."""
    return int(RECIPROCAL_TABLE[(total << RECIPROCAL_INDEX_BITS >> total.bit_length() - 1) % len(RECIPROCAL_TABLE)])


@pytest.mark.parametrize("config", ["tiny", "pynq-z2"])
@pytest.mark.parametrize(
    "out",
    [Requantise(65535, 0), Requantise(40000, 20), Requantise(1, 63), Requantise(0, 5), Requantise(8005, 9)],
)
def test_equals_the_rule(config: str, out: Requantise, rng: np.random.Generator) -> None:
    """Every bit length, around powers of two, zero, products about a half, and random sums, one per cycle."""
    geometry = Geometry(get_config(config))
    dut = SoftmaxScale(geometry)
    largest = geometry.config.max_seq * 255
    near = [x for bit in range(largest.bit_length()) for x in ((1 << bit) - 1, 1 << bit, (1 << bit) + 1)]
    ties = [x for x in range(1, largest + 1) if abs(reciprocal(x) * out.multiplier % (2 * HALF) - HALF) <= 1][:60]
    sums = [x for x in [*near, *ties, largest, *rng.integers(largest + 1, size=300).tolist()] if x <= largest]
    places = [(i // geometry.rows % 2, i % geometry.rows) for i in range(len(sums))]
    got = []

    async def bench(ctx: Any) -> None:
        ctx.set(dut.out.multiplier, out.multiplier)
        ctx.set(dut.out.shift, out.shift)
        for cycle in range(len(sums) + dut.delay):
            ctx.set(dut.valid, cycle < len(sums))
            if cycle < len(sums):
                ctx.set(dut.sum, sums[cycle])
                ctx.set(dut.buffer, places[cycle][0])
                ctx.set(dut.row, places[cycle][1])
            if cycle >= dut.delay:
                ctx.set(dut.read_buffer, places[cycle - dut.delay][0])
                ctx.set(dut.read_row, places[cycle - dut.delay][1])
                got.append((ctx.get(dut.scale.multiplier), ctx.get(dut.scale.shift)))
            await ctx.tick()

    simulate(dut, bench)
    multiplier, shift = row_scale(np.array(sums), out)
    exists = np.array(sums) > 0  # the shift of an empty row does not matter
    got_multiplier, got_shift = np.array(got).T
    np.testing.assert_array_equal(got_multiplier, multiplier)
    np.testing.assert_array_equal(got_shift[exists], shift[exists])
