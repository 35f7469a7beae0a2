"""GEMM commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, product
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import GEMM, GEMM_PARAMS_DTYPE, GemmFlags, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.fixed import MULTIPLIER_BITS, SHIFT_MAX
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.tiling import tiles_per_half
from gatewright_sim.commands.draw import draw_int8, draw_ties
from gatewright_sim.commands.layout import Change, Layout, PlacedCommand, beats, exchange, padded_rows, row_ranges
from gatewright_sim.golden.gemm import gemm

__all__ = ["GEMM_FLAGS", "GemmCommand", "place_product"]

GEMM_FLAGS = tuple(
    GemmFlags(flags)
    for flags in range(1 << len(GemmFlags))
    if flags & GEMM.one_of and flags & GEMM.at_most_one_of != GEMM.at_most_one_of
    if not flags & (GemmFlags.EPILOGUE | GemmFlags.PER_COLUMN)
)
"""Every combination that is allowed without an epilogue."""


@dataclass(frozen=True)
class GemmCommand:
    """int8 A [M, K] and B [N, K], a record of GEMM_PARAMS_DTYPE for each column [N], and flags."""

    a: npt.NDArray[np.int8]
    b: npt.NDArray[np.int8]
    params: npt.NDArray[Any]
    flags: GemmFlags

    @classmethod
    def of_shape(cls, rng: np.random.Generator, m: int, n: int, k: int, flags: GemmFlags | None = None) -> GemmCommand:
        """Requantisers that mostly reach the middle of int8; operands and biases are sometimes extreme throughout."""
        params = np.zeros(n, GEMM_PARAMS_DTYPE)
        extreme = bool(rng.random() < 0.3)
        params["bias"] = rng.integers(-(2**31), 2**31, n) if extreme else rng.integers(-20_000, 20_000, n)
        params["multiplier"] = rng.integers(0, 1 << MULTIPLIER_BITS, n)
        params["shift"] = rng.integers(0, SHIFT_MAX + 1, n) if extreme else rng.integers(18, 34, n)
        params["zero"] = rng.integers(0, 256, n)  # ignored
        a, b = (draw_int8(rng, rows, k, extreme=extreme) for rows in (m, n))
        return cls(a, b, params, GEMM_FLAGS[rng.integers(len(GEMM_FLAGS))] if flags is None else flags)

    @classmethod
    def random(cls, rng: np.random.Generator, config: AcceleratorConfig, flags: GemmFlags | None = None) -> GemmCommand:
        """Small ones, edges of tiles, several blocks, or the longest inner dimension."""
        rows, cols = config.array_rows, config.array_cols
        shapes = (
            rng.integers(1, 2 * cols, 3),
            (rng.integers(1, 6 * rows), rng.integers(1, 6 * cols), rng.integers(1, 70)),
            (rng.choice([1, rows, rows + 1]), rng.choice([1, cols, 12 * cols]), rng.choice([1, 8, 40])),
            (rng.choice([1, 3 * rows]), rng.choice([3, 2 * cols + 1]), config.gemm_max_k - rng.integers(0, 20)),
        )
        m, n, k = map(int, shapes[rng.integers(len(shapes))])
        return cls.of_shape(rng, m, n, k, flags)

    @classmethod
    def boundaries(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[GemmCommand]:
        """Sizes around a tile of the array and a word of memory, each size with every combination of flags."""
        rows, cols = config.array_rows, config.array_cols
        pairs = list(product((1, cols - 1, cols, cols + 1), (1, 7, 8, 9)))
        wide = [flags for flags in GEMM_FLAGS if not flags & GemmFlags.B_NARROW]
        for turn, m in enumerate((1, rows - 1, rows, rows + 1)):
            for number, (n, k) in enumerate(pairs):
                for narrow in (GemmFlags(0), GemmFlags.B_NARROW):
                    yield cls.of_shape(rng, m, n, k, wide[number ^ 5 * turn] | narrow)

    @classmethod
    def each_flag(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[GemmCommand]:
        """Every combination of flags, of several tiles each way."""
        for flags in GEMM_FLAGS:
            yield cls.of_shape(rng, 2 * config.array_rows + 1, 2 * config.array_cols + 1, 17, flags)

    @classmethod
    def extremes(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[GemmCommand]:
        """The largest sums of both signs at the longest inner dimension, and biases that wrap."""
        int8, int16, int32 = GemmFlags(0), GemmFlags.OUT_INT16, GemmFlags.OUT_INT32
        kinds = (int32, int32 | GemmFlags.PARAMS, int16 | GemmFlags.PARAMS, int8 | GemmFlags.PARAMS)
        for a, b, flags in product((-128, 127), (-128, 127), kinds):
            one = cls.of_shape(rng, 2, 9, config.gemm_max_k, flags)
            one.a[:], one.b[:] = a, b
            one.params["bias"] = rng.choice([-(2**31), 2**31 - 1, 0], 9)
            yield one

    @classmethod
    def lengths(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[GemmCommand]:
        """Every inner dimension about a word and about the fewest steps of a tile, and those about which a block holds
        more or fewer tiles; several tiles each way."""
        rows, cols = config.array_rows, config.array_cols
        for k in range(1, 2 * config.macs_per_cycle // config.lanes + 2):
            yield cls.of_shape(rng, rows + 1, 2 * cols + 1, k)
        halves = {
            depth // 2 // tiles * BUS_BYTES for depth in (config.a_depth, config.b_depth) for tiles in (1, 2, 4, 8)
        }
        for k in sorted(longest + more for longest in halves for more in (-1, 0, 1)):
            if k < config.gemm_max_k:
                yield cls.of_shape(rng, rows + 1, cols + 1, k)
        for flags in GEMM_FLAGS:
            yield cls.of_shape(rng, 1, cols + 1, config.gemm_max_k, flags)

    @classmethod
    def blocks(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[GemmCommand]:
        """The resident operand in more blocks than its buffer holds, the last of them not whole, the streamed one in as
        many or a single tile, B stored either way; with parameters, and without, since their loads hold up the next
        block."""
        rows, cols, k_max = config.array_rows, config.array_cols, config.gemm_max_k
        for k, resident, stored in product(
            (3, 9, k_max // 2 + 1), (GemmFlags(0), GemmFlags.A_RESIDENT), (0, GemmFlags.B_KN)
        ):
            words = beats(k)
            a_block = rows * tiles_per_half(words, config.a_depth // 2)
            b_block = cols * tiles_per_half(words, config.b_depth // 2)
            many, few = (3 * a_block + rows + 1, 3 * b_block + cols + 3), (rows + 1, cols + 3)
            m, n = (many[0], few[1]) if resident else (few[0], many[1])
            for kind in (GemmFlags.OUT_INT32, GemmFlags.PARAMS):
                yield cls.of_shape(rng, m, n, k, GemmFlags(kind | resident | stored))
        for flags in (GemmFlags.PARAMS, GemmFlags.PARAMS | GemmFlags.B_KN, GemmFlags.PARAMS | GemmFlags.A_RESIDENT):
            yield cls.of_shape(rng, 3 * rows + 1, 5 * cols + 1, k_max, flags)

    @classmethod
    def huge(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[tuple[GemmCommand, Change]]:
        """As many rows or columns as a single bit says, and a tile or a block of tiles more, so that what is left is
        that bit alone when the next tile or block is chosen; of each operand, resident and streamed."""
        sides = (("m", config.array_rows, config.a_depth, 0), ("n", config.array_cols, config.b_depth, 1))
        kinds = tuple(GemmFlags.OUT_INT32 | resident for resident in (GemmFlags(0), GemmFlags.A_RESIDENT))
        for bit, (side, tile, depth, streamed), flags in product(range(10, 24), sides, kinds):
            block = tiles_per_half(1, depth // 2)
            whole = bool(flags & GemmFlags.A_RESIDENT) != bool(streamed)
            shape = {"m": 1, "n": config.array_cols, side: (block + 2) * tile}
            sizes = {side: (1 << bit) + (block if whole else 1) * tile}
            yield cls.of_shape(rng, shape["m"], shape["n"], 5, flags), exchange(**sizes)

    @classmethod
    def ties(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[GemmCommand]:
        """Sums that the requantiser halves: ties and neighbours, of small and of saturating results; A's first row
        is zero, so that the bias alone is the sum."""
        for kind, n in product((GemmFlags(0), GemmFlags.OUT_INT16), (config.array_cols, 3 * config.array_cols + 1)):
            one = cls.of_shape(rng, 2, n, 8, GemmFlags.PARAMS | kind)
            one.a[:], one.b[:] = 0, 0
            one.a[1, 0], one.b[:, 0] = rng.choice([-128, -1, 1, 127]), rng.choice([-128, 127], n)
            one.params["shift"] = rng.integers(1, 24, n)
            one.params["multiplier"] = rng.choice([1, 1, 3, 5, 85], n)
            one.params["bias"] = draw_ties(rng, one.params["shift"].astype(np.int64))
            yield one

    def result(self) -> npt.NDArray[Any]:
        requantised = not self.flags & GemmFlags.OUT_INT32
        return gemm(
            self.a,
            self.b,
            self.params["bias"] if self.flags & GemmFlags.PARAMS else None,
            self.params["multiplier"] if requantised else None,
            self.params["shift"] if requantised else None,
            16 if self.flags & GemmFlags.OUT_INT16 else 8,
            bool(self.flags & GemmFlags.B_NARROW),
        )

    def place(self, layout: Layout) -> PlacedCommand:
        return place_product(layout, self, self.result(), self.flags)


def place_product(
    layout: Layout,
    one: GemmCommand,
    result: npt.NDArray[Any],
    flags: GemmFlags,
    d: npt.NDArray[Any] | None = None,
    vectors: Mapping[str, npt.NDArray[Any]] = MappingProxyType({}),
    **fields: int,
) -> PlacedCommand:
    """A product's command with its operands and ``result``, and what an epilogue has besides: ``d``, ``vectors`` by the
    names of their addresses, and ``fields``."""
    (m, k), n = one.a.shape, len(one.b)
    stored_b = one.b.T if flags & GemmFlags.B_KN else one.b
    rows = {name: padded_rows(layout.rng, array) for name, array in (("a", one.a), ("b", stored_b))}
    rows["c"] = padded_rows(layout.rng, np.zeros_like(result))
    if d is not None:
        rows["d"] = padded_rows(layout.rng, d, rows["c"].shape[1])  # of C's stride
    read = {"params": one.params} | dict(vectors)
    ranges = {name: layout.put(array) for name, array in (rows | read).items()}
    strides = {name: layout.stride(array.shape[1]) for name, array in rows.items() if name != "d"}
    layout.expect(ranges["c"][0], rows["c"], result)
    addresses = {f"{name}_addr": start for name, (start, _) in ranges.items()}
    command = encode(
        GEMM,
        flags,
        **fields | addresses,
        **{f"{name}_stride": stride for name, stride in strides.items()},
        m=m,
        n=n,
        k=k,
    )
    matrices = {"a": one.a, "b": stored_b} | ({} if d is None else {"d": d})
    places = {
        name: row_ranges(ranges[name][0], len(array), strides.get(name, strides["c"]), array.shape[1] * array.itemsize)
        for name, array in (matrices | {"c": result}).items()
    }
    writes = places.pop("c")
    if not flags & GemmFlags.PARAMS:
        del read["params"]
    reads = [*chain.from_iterable(places.values()), *(ranges[name] for name in read)]
    once = sum(len(array) * beats(array.shape[1] * array.itemsize) for array in matrices.values())
    once += sum(beats(array.nbytes) for array in read.values())
    return PlacedCommand(command, ErrorCode.NONE, reads, writes, once)
