"""ProductLoads: the order of a GEMM's loads, where each goes, and that none comes before there is room."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import GEMM, GemmFlags, encode
from gatewright.spec.config import get_config
from gatewright.spec.tiling import BLOCK_TILES, tiles_per_half
from gatewright_hw.engines.gemm.geometry import SETUP_CYCLES, Event, Geometry, Target
from gatewright_hw.engines.gemm.product_loads import ProductLoads
from gatewright_sim.components.simulation import simulate

TINY = Geometry(get_config("tiny"))
ADDRESSES = {"a_addr": 0x10000, "b_addr": 0x20000, "c_addr": 0, "params_addr": 0x30000}
STRIDES = {"a_stride": 0x208, "b_stride": 0x308, "c_stride": 0x400}
SIZES = [(1, 1, 1), (13, 30, 20), (50, 17, 300), (9, 75, 512), (70, 20, 100)]
FLAGS = [
    GemmFlags.PARAMS,
    GemmFlags.PARAMS | GemmFlags.B_KN,
    GemmFlags.OUT_INT32 | GemmFlags.A_RESIDENT,
    GemmFlags.PARAMS | GemmFlags.A_RESIDENT | GemmFlags.B_KN,
]


@dataclass
class Product:
    """A GEMM's size and flags, and what follows for its walks."""

    m: int
    n: int
    k: int
    flags: GemmFlags

    def __post_init__(self) -> None:
        self.tiles = {"a": -(-self.m // TINY.rows), "b": -(-self.n // TINY.cols)}
        self.pitch = -(-self.k // 8)
        self.per_half = {"a": tiles_per_half(self.pitch, TINY.a_half), "b": tiles_per_half(self.pitch, TINY.b_half)}

    @property
    def command(self) -> int:
        raw = encode(GEMM, self.flags, m=self.m, n=self.n, k=self.k, **ADDRESSES, **STRIDES)
        return int.from_bytes(raw, "little")

    def place(self, side: str, visit: int) -> tuple[int, int]:
        """Half of the ring and place in it of the tile that is loaded after ``visit`` others."""
        half, index = divmod(visit % (2 * self.per_half[side]), self.per_half[side])
        return half, index


def expected(product: Product) -> Iterator[tuple[Any, ...]]:
    """Target, address, stride, rows, beats, word, event and tiles of each load."""
    visits = {"a": 0, "b": 0}

    def load(side: str, tile: int) -> tuple[int, list[tuple[Any, ...]]]:
        half, index = product.place(side, visits[side])
        word = half * (TINY.a_half if side == "a" else TINY.b_half) + index * product.pitch
        transposed = side == "b" and bool(product.flags & GemmFlags.B_KN)
        count = min(product.per_half[side] - index, product.tiles[side] - tile) if transposed else 1
        visits[side] += count
        if side == "a":
            rows = min(TINY.rows, product.m - tile * TINY.rows)
            address = ADDRESSES["a_addr"] + tile * TINY.rows * STRIDES["a_stride"]
            return count, [(Target.A, address, STRIDES["a_stride"], rows, product.pitch, word, Event.A, 1)]
        first = tile * TINY.cols
        cols = min(count * TINY.cols, product.n - first)
        jobs: list[tuple[Any, ...]] = []
        if product.flags & GemmFlags.PARAMS:
            entry = (half * BLOCK_TILES + index) * TINY.parts
            jobs.append((Target.PARAMS, ADDRESSES["params_addr"] + 8 * first, 8 * cols, 1, cols, entry, Event.NONE, 1))
        if transposed:
            shape = ADDRESSES["b_addr"] + first, STRIDES["b_stride"], product.k, -(-cols // 8)
        else:
            address = ADDRESSES["b_addr"] + first * STRIDES["b_stride"]
            shape = address, STRIDES["b_stride"], cols, product.pitch
        return count, [*jobs, (Target.B, *shape, word, Event.B, count)]

    resident, streamed = ("a", "b") if product.flags & GemmFlags.A_RESIDENT else ("b", "a")
    block = product.per_half[resident]
    for begin in range(0, product.tiles[resident], block):
        at = {resident: begin, streamed: 0}
        end = {resident: min(begin + block, product.tiles[resident]), streamed: product.tiles[streamed]}
        for side in (resident, streamed, *[resident] * block, *[streamed] * product.tiles[streamed]):
            if at[side] < end[side]:
                count, jobs = load(side, at[side])
                at[side] += count
                yield from jobs


@pytest.mark.parametrize("flags", FLAGS, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_loads_of_a_product(size: tuple[int, int, int], flags: GemmFlags, rng: np.random.Generator) -> None:
    product, dut = Product(*size, flags), ProductLoads(TINY)
    wanted, got = list(expected(product)), []
    here = {Event.A: 0, Event.B: 0}  # tiles in the rings
    capacity = {Event.A: 2 * product.per_half["a"], Event.B: 2 * product.per_half["b"]}
    resume: dict[int, int] = {}

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.command, product.command)
        await ctx.tick().repeat(SETUP_CYCLES)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        while len(got) < len(wanted):
            ctx.set(dut.job.ready, bool(rng.random() < 0.7))
            for event, release in ((Event.A, dut.release_a), (Event.B, dut.release_b)):
                free = here[event] > 0 and bool(rng.random() < 0.1)
                ctx.set(release, free)
                here[event] -= free
            if ctx.get(dut.job.valid) and ctx.get(dut.job.ready):
                job = ctx.get(dut.job.payload)
                address = job.addr if job.restart else resume[job.target]
                resume[job.target] = address + job.rows * job.stride
                shape = (job.stride, job.rows, job.beats, job.word, job.event, job.tiles)
                got.append((Target(job.target), address, *shape))
                if job.event != Event.NONE:
                    here[Event(job.event)] += job.tiles
                    assert here[Event(job.event)] <= capacity[Event(job.event)]
                if job.target != Target.PARAMS:
                    assert job.pitch == product.pitch
            await ctx.tick()
        ctx.set(dut.job.ready, 1)
        (valid,) = await ctx.tick().sample(dut.job.valid).repeat(20)
        assert not valid, "more loads than the product needs"

    simulate(dut, testbench)
    assert got == wanted
