# amaranth: UnusedElaboratable=no

"""MacArray: products of numpy, tiles as close to each other as they may be."""

from typing import Any

import numpy as np
import pytest

from gatewright_hw.engines.gemm.array import MacArray
from gatewright_sim.components.simulation import simulate

SHAPES = [(4, 8, 4), (2, 8, 8), (8, 16, 8)]


@pytest.mark.parametrize(("rows", "cols", "lanes"), SHAPES)
def test_tiles_back_to_back(rows: int, cols: int, lanes: int, rng: np.random.Generator) -> None:
    """Tiles of several lengths, as close as allowed or with a pause, give the products of numpy, group after group."""
    dut = MacArray(rows, cols, lanes, acc_bits=30)
    lengths = [1, dut.drain_cycles, dut.drain_cycles + 5, 3, 40, dut.drain_cycles]
    tiles = [(rng.integers(-256, 256, (rows, k)), rng.integers(-128, 128, (cols, k))) for k in lengths]
    tiles[2][0][:], tiles[2][1][:] = -256, -128
    pauses = [0, 0, 0, 7, 0, 0]
    steps = []  # per cycle: None or (a column, b column, first, last)
    for (a, b), pause in zip(tiles, pauses, strict=True):
        k = a.shape[1]
        steps += [None] * (max(dut.drain_cycles - k, 0) + pause)
        steps += [(a[:, i], b[:, i], i == 0, i == k - 1) for i in range(k)]
    steps += [None] * (dut.drain_cycles + dut.delay + 1)
    seen, ends, first_valid = [], [], []

    async def bench(ctx: Any) -> None:
        for cycle, step in enumerate(steps):
            a, b, first, last = step or (rng.integers(-256, 256, rows), rng.integers(-128, 128, cols), False, False)
            for port, value in zip([*dut.a, *dut.b], [*a, *b], strict=True):
                ctx.set(port, int(value))
            ctx.set(dut.first, first)
            ctx.set(dut.last, last)
            if last:
                ends.append(cycle)
            drained = ctx.get(dut.drained)
            if drained.valid:
                if drained.row == drained.part == 0:
                    first_valid.append(cycle)
                seen.append((drained.row, drained.part, list(drained.acc)))
            await ctx.tick()

    simulate(dut, bench)
    expected = []
    for a, b in tiles:
        c = a @ b.T
        for row in range(rows):
            for part in range(dut.parts):
                expected.append((row, part, c[row, part * lanes : (part + 1) * lanes].tolist()))
    assert seen == expected
    assert first_valid == [end + dut.delay for end in ends]


def test_refuses_lanes_that_do_not_divide_the_columns() -> None:
    with pytest.raises(ValueError, match="lanes is 3, allowed: a divisor"):
        MacArray(4, 8, 3, 32)


@pytest.mark.parametrize("acc_bits", [16, 49])
def test_refuses_accumulators_that_no_dsp_slice_has(acc_bits: int) -> None:
    with pytest.raises(ValueError, match=rf"MacArray: acc_bits is {acc_bits}, allowed 17\.\.48"):
        MacArray(4, 8, 4, acc_bits)
