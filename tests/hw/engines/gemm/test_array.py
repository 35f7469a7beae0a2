# amaranth: UnusedElaboratable=no

"""MacArray: products of numpy, tiles as close to each other as they may be."""

from typing import Any

import numpy as np
import pytest

from gatewright_hw.engines.gemm.array import MacArray
from gatewright_sim.components.simulation import simulate

SHAPES = [(4, 8, 1, 4), (2, 8, 1, 8), (8, 16, 1, 8), (4, 8, 2, 4), (2, 8, 2, 8), (2, 4, 4, 2), (4, 8, 4, 8)]


def operands(rng: np.random.Generator, rows: int, cols: int, k: int, depth: int) -> tuple[Any, Any]:
    """Of all values that fit; two columns that share multipliers are narrow, or one of them is zero at a time."""
    if depth == 1:
        return rng.integers(-256, 256, (rows, k)), rng.integers(-128, 128, (cols, k))
    largest = 256 * 2 // depth  # of A
    a, b = rng.integers(-largest, largest, (rows, k)), rng.integers(-127, 128, (cols, k))
    for start in range(0, k, depth):  # by steps, since k come together
        if depth == 2 and rng.random() < 0.3:
            wide, step = rng.integers(2), slice(start, start + depth)
            a[:, step] = np.maximum(a[:, step], -255)
            b[wide::2, step] = rng.choice([-128, 127], b[wide::2, step].shape)
            b[1 - wide :: 2, step] = 0
    return a, b


@pytest.mark.parametrize(("rows", "cols", "depth", "lanes"), SHAPES)
def test_tiles_back_to_back(rows: int, cols: int, depth: int, lanes: int, rng: np.random.Generator) -> None:
    """Tiles of several lengths, as close as allowed or with a pause, give the products of numpy, group after group."""
    dut = MacArray(rows, cols, depth, lanes, acc_bits=30)
    lengths = [1, dut.drain_cycles, dut.drain_cycles + 5, 3, 40, dut.drain_cycles]
    tiles = [operands(rng, rows, cols, depth * steps, depth) for steps in lengths]
    most = 512 // max(depth, 2)
    for (a, b), sign in ((tiles[1], 1), (tiles[2], -1)):  # the largest sums of both signs
        a[:], b[:] = -most, 127 * sign
        if depth == 1:
            b[:] = 127 if sign > 0 else -128
        b[1::2] = -b[1::2] if depth > 1 else b[1::2]
    pauses = [0, 0, 0, 7, 0, 0]
    steps = []  # per cycle: None or (a column, b column, first, last)
    for (a, b), pause in zip(tiles, pauses, strict=True):
        count = a.shape[1] // depth
        steps += [None] * (max(dut.drain_cycles - count, 0) + pause)
        for step in range(count):
            at = slice(step * depth, (step + 1) * depth)
            steps.append((a[:, at], b[:, at], step == 0, step == count - 1))
    steps += [None] * (dut.drain_cycles + dut.delay + 1)
    seen, ends, first_valid = [], [], []

    async def bench(ctx: Any) -> None:
        for cycle, step in enumerate(steps):
            a, b, first, last = step or (*operands(rng, rows, cols, depth, 1), False, False)
            for port, values in zip([*dut.a, *dut.b], [*a, *b], strict=True):
                ctx.set(port, values.tolist())
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
        MacArray(4, 8, 1, 3, 32)


def test_refuses_lanes_that_part_columns_of_one_multiplier() -> None:
    with pytest.raises(ValueError, match="lanes is 3, allowed: an even number, since depth is 2"):
        MacArray(4, 6, 2, 3, 32)


@pytest.mark.parametrize("depth", [0, 5])
def test_refuses_more_products_than_a_lane_holds(depth: int) -> None:
    with pytest.raises(ValueError, match=rf"MacArray: depth is {depth}, allowed 1\.\.4"):
        MacArray(4, 8, depth, 4, 32)


@pytest.mark.parametrize("acc_bits", [16, 49])
def test_refuses_accumulators_that_no_dsp_slice_has(acc_bits: int) -> None:
    with pytest.raises(ValueError, match=rf"MacArray: acc_bits is {acc_bits}, allowed 17\.\.48"):
        MacArray(4, 8, 1, 4, acc_bits)
