"""MapLanes against the rules of ``spec.vector`` for norms and softmax, with rows that wait for their scale."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.fixed import round_half_even_shift, saturate
from gatewright.spec.vector import (
    EXP2_FRACTION_BITS,
    NORM_INPUT_BITS,
    VALUE_BITS,
    norm_scale,
    normalise,
    softmax,
    softmax_scale,
    softmax_weight,
)
from gatewright_hw.engines.vector.map import MapLanes
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import put_all, random_pauses
from gatewright_sim.components.values import Int64, signed_values
from gatewright_sim.components.vector_rows import groups_of, row_shape

MAX_COLUMNS = 64


def mapped(
    lanes: int, rows: Int64, scales: list[dict[str, int]], is_softmax: bool, slow: bool, rng: np.random.Generator
) -> list[list[int]]:
    """Groups of z for ``rows`` of v or e, one row per scale; asserts what sets off when."""
    dut = MapLanes(MAX_COLUMNS, lanes)
    groups = groups_of(rows, signed_values(rng, VALUE_BITS, lanes) * (not is_softmax))
    sent: list[tuple[int, int]] = []
    departures: list[int] = []
    got: list[list[int]] = []

    async def watch(ctx: Any) -> None:
        ctx.set(dut.softmax, is_softmax)
        ctx.set(dut.slow, slow)
        ctx.set(dut.row, row_shape(rows.shape[1], lanes))
        departure = dut.departure
        while len(got) < len(groups):
            ctx.set(departure.room, rng.random() < 0.8)
            outputs = (departure.sent, departure.index, departure.last, dut.z_valid, dut.z)
            _, _, departs, index, last, z_valid, z = await ctx.tick().sample(*outputs)
            departures.append(departs)
            if departs:
                sent.append((index, last))
            assert not (slow and len(departures) > 1 and all(departures[-2:]))
            assert z_valid == (len(departures) > dut.delay and departures[-1 - dut.delay])
            if z_valid:
                got.append(list(z))

    source = dut.weights if is_softmax else dut.values
    simulate(
        dut,
        watch,
        put_all(dut.scale, scales, random_pauses(rng, 0, 40)),
        put_all(source, [group for group, _ in groups], random_pauses(rng, 0, 0, 0, 5)),
    )
    last_group = row_shape(rows.shape[1], lanes)["last_group"]
    assert sent == [(i % (last_group + 1), i % (last_group + 1) == last_group) for i in range(len(groups))]
    return got


def in_rows(groups: list[list[int]], columns: int) -> Int64:
    """Groups as rows again, without what stands beyond a row's end."""
    lanes = len(groups[0])
    return np.array(groups).reshape(-1, lanes * (row_shape(columns, lanes)["last_group"] + 1))[:, :columns]


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("columns", [1, 4, 7, 64])
def test_norms(lanes: int, columns: int, slow: bool, rng: np.random.Generator) -> None:
    v = np.concatenate([signed_values(rng, VALUE_BITS, (6, columns)), rng.integers(-300, 300, (6, columns))])
    x, epsilon = saturate(v, NORM_INPUT_BITS), 1000
    total = x.sum(1)
    rate, shift = norm_scale(columns, total, np.square(x).sum(1), epsilon)
    figures = zip((columns * rate).tolist(), (total * rate).tolist(), shift.tolist(), strict=True)
    scales = [{"factor": factor, "offset": offset, "shift": s} for factor, offset, s in figures]
    got = in_rows(mapped(lanes, v, scales, False, slow, rng), columns)
    np.testing.assert_array_equal(got, normalise(v, epsilon, centre=True))


@pytest.mark.parametrize("columns", [1, 4, 7, 64])
def test_softmax(lanes: int, columns: int, rng: np.random.Generator) -> None:
    one = 1 << EXP2_FRACTION_BITS
    v = np.concatenate([rng.integers(-9 * one, 9 * one, (6, columns)), np.zeros((2, columns), np.int64)])
    weights = softmax_weight(v.max(1, keepdims=True) - v)
    rate, length = softmax_scale(weights.sum(1))
    scales = [{"factor": int(r), "offset": 0, "shift": int(s)} for r, s in zip(rate, length, strict=True)]
    np.testing.assert_array_equal(in_rows(mapped(lanes, weights, scales, True, False, rng), columns), softmax(v))


def test_ties_round_to_even(lanes: int, rng: np.random.Generator) -> None:
    """Products that are odd multiples of a half, of either sign."""
    v = np.array([[-5, -3, -1, 1, 3, 5, 7, 2]])
    scales = [{"factor": 1 << 10, "offset": offset, "shift": 11} for offset in (0, 1 << 10, 3 << 10)]
    rows = np.tile(v, (len(scales), 1))
    offsets = np.array([[scale["offset"]] for scale in scales])
    got = in_rows(mapped(lanes, rows, scales, False, False, rng), v.size)
    np.testing.assert_array_equal(got, round_half_even_shift(rows * (1 << 10) - offsets, 11))
