"""BurstWalk: the addresses that the AXI specification gives, for every kind of burst."""

from typing import Any

import numpy as np
import pytest

from gatewright_hw.boards.burst_walk import WALK_BITS, BurstWalk
from gatewright_hw.bus.axi import BurstType
from gatewright_sim.bursts import beat_addresses
from gatewright_sim.components.simulation import simulate

AXI3, AXI4 = (4, 2), (8, 3)


def walked(bits: tuple[int, int], bursts: list[tuple[int, int, int, int]], rng: np.random.Generator) -> list[list[int]]:
    """The addresses of each burst: address, length field, size field, type."""
    dut = BurstWalk(*bits)
    found: list[list[int]] = []

    async def testbench(ctx: Any) -> None:
        for addr, length, size, kind in bursts:
            fields = {"addr": addr % (1 << WALK_BITS), "len": length, "size": size, "burst": kind, "load": 1}
            for name, value in fields.items():
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            for name in fields:
                ctx.set(getattr(dut, name), 0)
            addresses = [ctx.get(dut.address)]
            while not ctx.get(dut.last):
                await ctx.tick().repeat(int(rng.integers(1, 3)))
                assert ctx.get(dut.address) == addresses[-1]
                ctx.set(dut.step, 1)
                await ctx.tick()
                ctx.set(dut.step, 0)
                addresses.append(ctx.get(dut.address))
            found.append(addresses)

    simulate(dut, testbench)
    return found


@pytest.mark.parametrize("size", range(3))
@pytest.mark.parametrize("kind", [BurstType.FIXED, BurstType.INCR])
@pytest.mark.parametrize("bits", [AXI3, AXI4], ids=["axi3", "axi4"])
def test_every_length_from_any_address(
    bits: tuple[int, int], kind: BurstType, size: int, rng: np.random.Generator
) -> None:
    page = 1 << WALK_BITS
    lengths = range(16) if bits == AXI3 else [0, 1, 17, 254, 255]
    most = {length: page - (length + 1 << size) for length in lengths}
    bursts = [(int(rng.integers(most[length] + 1)), length, size, int(kind)) for length in lengths for _ in range(3)]
    expected = [[address % page for address in beat_addresses(*burst)] for burst in bursts]
    assert walked(bits, bursts, rng) == expected


@pytest.mark.parametrize("size", range(3))
@pytest.mark.parametrize("length", [1, 3, 7, 15])
def test_wrapping_from_every_beat(length: int, size: int, rng: np.random.Generator) -> None:
    block = length + 1 << size
    start = block * int(rng.integers(1, 10))
    bursts = [(address, length, size, int(BurstType.WRAP)) for address in range(start, start + block, 1 << size)]
    expected = [beat_addresses(*burst) for burst in bursts]
    assert all(sorted(addresses) == list(range(start, start + block, 1 << size)) for addresses in expected)
    assert walked(AXI3, bursts, rng) == expected


def test_the_reserved_type_ends_too(rng: np.random.Generator) -> None:
    assert walked(AXI3, [(0x10, 15, 2, 3)], rng) == [list(range(0x10, 0x50, 4))]
