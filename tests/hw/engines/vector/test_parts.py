# amaranth: UnusedElaboratable=no

"""The parts of the vector engine on their own, in Amaranth's simulator: sizes that the small configuration lacks."""

import random

import numpy as np
import pytest

from gatewright.spec.fixed import round_half_even_shift, saturate
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import MAX_COLUMNS, norm_scale, softmax_scale
from gatewright_hw.engines.parts.promised_queue import PromisedQueue
from gatewright_hw.engines.parts.rounding_shift import RoundingShift, StickyShift
from gatewright_hw.engines.vector.row_scale import RowScale
from gatewright_hw.engines.vector.row_transfers import RowTransfers
from gatewright_sim.components.simulation import run_pipeline, simulate
from gatewright_sim.components.streams import stream_get, stream_put


def shifts(rng, in_bits, count):
    """Values around every power of two, at the ends of the range, on ties and anywhere, with every shift."""
    low, high = -(1 << in_bits - 1), (1 << in_bits - 1) - 1
    operands = []
    for _ in range(count):
        shift = rng.randrange(64)
        tie = (2 * rng.randrange(-50, 50) + 1) << max(shift - 1, 0)
        near = rng.choice((1, -1)) * (1 << rng.randrange(in_bits)) + rng.randrange(-2, 3)
        value = rng.choice((low, high, rng.randint(low, high), tie, near))
        operands.append({"value": min(max(value, low), high), "shift": shift})
    return operands


@pytest.mark.parametrize(("in_bits", "out_bits"), [(49, 24), (48, 24), (24, 24), (62, 8)])
def test_shifts_round_half_to_even_and_saturate(in_bits, out_bits):
    operands = shifts(random.Random(in_bits), in_bits, 3000)
    got = run_pipeline(RoundingShift(in_bits, out_bits), operands, ("result",))
    for one, (result,) in zip(operands, got, strict=True):
        value, shift = np.int64(one["value"]), one["shift"]
        assert result == saturate(round_half_even_shift(value, shift), out_bits), one


def test_sticky_shifts_lose_nothing():
    operands = shifts(random.Random(40), 40, 2000)
    got = run_pipeline(StickyShift(40, 40), operands, ("shifted", "sticky", "overflow", "negative"))
    for one, found in zip(operands, got, strict=True):
        value, shift = one["value"], one["shift"]
        assert found == (value >> shift, (value >> shift) << shift != value, 0, value < 0), one


def scales(dut, port, rows, settings):
    """Send ``rows`` (values of the port's payload) through a RowScale; returns (factor, offset, shift) of each."""
    got = []

    async def send(ctx):
        for name, value in settings.items():
            ctx.set(getattr(dut, name), value)
        for row in rows:
            await stream_put(ctx, port, row)

    async def receive(ctx):
        rng = random.Random(1)
        for _ in rows:
            scale = await stream_get(ctx, dut.o)
            got.append((scale.factor, scale.offset, scale.shift))
            await ctx.tick().repeat(rng.choice((1, 5, 60)))

    simulate(dut, send, receive)
    return got


@pytest.mark.parametrize(("count", "epsilon"), [(MAX_COLUMNS, (1 << 48) - 1), (MAX_COLUMNS, 0), (1, 0), (384, 77)])
def test_scales_of_norms(count, epsilon):
    rng = np.random.default_rng(count + epsilon)
    low, high = -(1 << 15), (1 << 15) - 1
    rows = [np.full(count, value) for value in (0, low, high, 1)]
    rows += [np.where(np.arange(count) < count // 2, low, high)]
    rows += [rng.integers(low, high + 1, count) >> shift for shift in (0, 1, 3, 5, 8, 11, 14, 15)]
    totals, squares = np.array([x.sum() for x in rows]), np.array([(x * x).sum() for x in rows])
    dut = RowScale(MAX_COLUMNS)
    got = scales(
        dut,
        dut.statistics,
        [{"total": int(total), "power": int(power)} for total, power in zip(totals, squares, strict=True)],
        {"softmax": 0, "count": count, "epsilon": epsilon},
    )
    rates, shifted = norm_scale(count, totals, squares, epsilon)
    for found, total, rate, shift in zip(got, totals, rates, shifted, strict=True):
        if rate:
            assert found == (count * rate, total * rate, shift)
        else:  # no variance: all elements are alike, hence any scale gives zeros
            assert count * found[1] == total * found[0]


def test_scales_of_softmax():
    rng = random.Random(4)
    sums = [
        1 << 15,
        MAX_COLUMNS << 15,
        (1 << 16) - 1,
        *(rng.randint(1 << 15, 1 << rng.randint(16, 27)) for _ in range(40)),
    ]
    dut = RowScale(MAX_COLUMNS)
    got = scales(dut, dut.sum, sums, {"softmax": 1, "count": 5, "epsilon": 99})
    rates, lengths = softmax_scale(np.array(sums))
    assert got == [(rate, 0, length) for rate, length in zip(rates, lengths, strict=True)]


@pytest.mark.parametrize(
    ("rows", "beats", "stride", "transfers"),
    [
        (1, 5, 40, [(0, 5)]),
        (3, 5, 48, [(0, 5), (48, 5), (96, 5)]),
        (3, 5, 0, [(0, 5)] * 3),
        (34, 2, 16, [(0, 32), (256, 32), (512, 2), (528, 2)]),
        (16, 2048, 2048 * BUS_BYTES, [(0, 16 * 2048)]),
        (17, 1, BUS_BYTES, [(0, 16), (128, 1)]),
    ],
)
def test_rows_side_by_side_are_read_together(rows, beats, stride, transfers):
    dut = RowTransfers(MAX_COLUMNS)
    base = (1 << 32) - 64  # addresses wrap
    got = []

    async def bench(ctx):
        ctx.set(dut.matrix, {"addr": base, "stride": stride, "rows": rows, "beats": beats})
        await ctx.tick().repeat(2)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        ctx.set(dut.descriptor.ready, 1)
        for _ in range(len(transfers) + 3):
            if ctx.get(dut.descriptor.valid):
                one = ctx.get(dut.descriptor.payload)
                got.append((one.addr, one.beats))
            await ctx.tick()

    simulate(dut, bench)
    assert got == [((base + start) % (1 << 32), count) for start, count in transfers]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RoundingShift(8, 9), "in_bits is 8 and out_bits 9, allowed 2 <= out_bits <= in_bits <= 63"),
        (lambda: RoundingShift(64, 9), "in_bits is 64 and out_bits 9, allowed 2 <= out_bits <= in_bits <= 63"),
        (lambda: StickyShift(65, 9), "in_bits is 65 and out_bits 9, allowed 2 <= out_bits <= in_bits <= 64"),
        (lambda: RowTransfers(3), "max_columns is 3, allowed 4..4096"),
        (lambda: PromisedQueue(8, 1), "depth is 1, allowed 2..8193"),
    ],
)
def test_impossible_sizes_are_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
