"""RowAddress: base + index * stride, exact modulo 2**32, in order, one a cycle."""

import numpy as np
import pytest

from gatewright_hw.engines.aggregate.row_address import RowAddress
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses

TOP = (1 << 32) - 1


@pytest.mark.parametrize("stride", [0, 8, 64, 1 << 19, TOP - 7, 0x9ABC_DEF8])
def test_addresses_are_exact_modulo_2_to_the_32(stride: int, rng: np.random.Generator) -> None:
    base = 8 * int(rng.integers(1 << 29))
    indices = [0, 1, (1 << 16) - 1, 1 << 16, TOP, *rng.integers(0, TOP, 60).tolist()]
    dut = RowAddress()
    got: list[int] = []

    async def setup(ctx) -> None:
        ctx.set(dut.base, base)
        ctx.set(dut.stride, stride)

    async def send(ctx) -> None:
        await ctx.tick()  # the stride is registered
        await put_all(dut.index, indices, random_pauses(rng, 0, 0, 2))(ctx)

    simulate(dut, setup, send, get_all(dut.addr, len(indices), got, random_pauses(rng, 0, 1, 4)))
    assert got == [(base + index * stride) % (1 << 32) for index in indices]


def test_one_a_cycle() -> None:
    dut = RowAddress()
    got: list[int] = []
    simulate(dut, put_all(dut.index, range(100)), get_all(dut.addr, 100, got), cycles=110)
    assert len(got) == 100
