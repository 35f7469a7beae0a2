"""ProductLoads: the order of a GEMM's loads, where each goes, and that none comes before there is room."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import GEMM, GemmFlags, encode
from gatewright.spec.config import get_config
from gatewright.spec.tiling import BLOCK_TILES, tiles_per_half
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Target
from gatewright_hw.engines.gemm.product_loads import ProductLoads
from gatewright_sim.components.gemm_control import take_loads

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
    def command(self) -> bytes:
        return encode(GEMM, self.flags, m=self.m, n=self.n, k=self.k, **ADDRESSES, **STRIDES)

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
    product = Product(*size, flags)
    wanted = list(expected(product))
    capacity = {event: 2 * product.per_half[side] for event, side in ((Event.A, "a"), (Event.B, "b"))}
    loads = take_loads(ProductLoads(TINY), product.command, len(wanted), capacity, rng)
    assert [
        (Target(job.target), address, job.stride, job.rows, job.beats, job.word, job.event, job.tiles)
        for address, job in loads
    ] == wanted
    assert {job.pitch for _, job in loads if job.target != Target.PARAMS} == {product.pitch}
