"""GEMM commands whose results go through the vector engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import GemmFlags
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.tiling import tiles_per_half
from gatewright.spec.vector import Combine, ElementType, Function
from gatewright.spec.vector_op import VectorOp
from gatewright_sim.commands.gemm import GEMM_FLAGS, GemmCommand, place_product
from gatewright_sim.commands.layout import Change, Layout, PlacedCommand, exchange
from gatewright_sim.commands.vector import VectorCommand
from gatewright_sim.golden.vector import vector

__all__ = ["EpilogueCommand"]

Array = npt.NDArray[Any]

_FUNCTIONS = (Function.NONE, Function.TABLE)
_TYPES = (ElementType.INT8, ElementType.INT16)
_PRODUCTS = tuple(flags for flags in GEMM_FLAGS if flags & GemmFlags.OUT_INT16)


@dataclass(frozen=True)
class EpilogueCommand:
    """A product P with int16 results, and what becomes of them. ``d`` [M, N] is of the type of C; ``noise`` are the
    addresses of D and of the table where there is none."""

    product: GemmCommand
    op: VectorOp
    d: Array | None
    noise: tuple[int, int] = (0, 0)

    @classmethod
    def of_shape(
        cls,
        rng: np.random.Generator,
        m: int,
        n: int,
        k: int,
        *,
        flags: GemmFlags | None = None,
        function: Function | None = None,
        combine: Combine | None = None,
        kind: ElementType | None = None,
    ) -> EpilogueCommand:
        """Any epilogue of a product of that shape; ``flags`` are of the product, ``kind`` is C's type."""
        kind = _TYPES[rng.integers(2)] if kind is None else kind
        function = _FUNCTIONS[rng.integers(2)] if function is None else function
        types = (ElementType.INT16, kind, kind)
        drawn = VectorCommand.of_shape(rng, m, n, function=function, combine=combine, types=types)
        d = None if drawn.b is None else np.ascontiguousarray(np.broadcast_to(drawn.b, (m, n)))
        flags = _PRODUCTS[rng.integers(len(_PRODUCTS))] if flags is None else flags
        noise = tuple(8 * int(each) for each in rng.integers(1 << 29, size=2))
        return cls(GemmCommand.of_shape(rng, m, n, k, flags), drawn.op, d, (noise[0], noise[1]))

    @classmethod
    def random(cls, rng: np.random.Generator, config: AcceleratorConfig) -> EpilogueCommand:
        """Small ones, several tiles each way, or a single row as wide as can be."""
        rows, cols = config.array_rows, config.array_cols
        shapes = (
            (rng.integers(1, 2 * rows), rng.integers(1, 3), rng.integers(1, 40)),
            (rng.integers(1, 6 * rows), rng.integers(1, 7), rng.integers(1, 70)),
            (1, min(config.max_columns, 512) // cols, rng.choice([1, 8, 40])),
        )
        m, tiles, k = map(int, shapes[rng.choice(3, p=[0.45, 0.45, 0.1])])
        return cls.of_shape(rng, m, tiles * cols, k)

    @classmethod
    def each_kind(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[EpilogueCommand]:
        """Every product's flags, combination, function and type of C with most of the others, of several tiles each
        way."""
        kinds = list(product(_FUNCTIONS, Combine, _TYPES))
        for number in range(max(len(kinds), len(_PRODUCTS))):
            function, combine, kind = kinds[number % len(kinds)]
            flags = _PRODUCTS[number % len(_PRODUCTS)]
            m, n = 2 * config.array_rows + 1, 2 * config.array_cols
            yield cls.of_shape(rng, m, n, 17, flags=flags, function=function, combine=combine, kind=kind)

    @classmethod
    def boundaries(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[EpilogueCommand]:
        """Rows about a tile's, the narrowest and the widest C, the shortest inner dimension, which makes results faster
        than they are taken, and the longest; records for each column and one for all."""
        rows, widest = config.array_rows, config.max_columns // config.array_cols
        for m, tiles, k in product((1, rows - 1, rows, rows + 1), (1, 2, 3), (1, 8, 16)):
            yield cls.of_shape(rng, m, tiles * config.array_cols, k)
        for function, combine in product(_FUNCTIONS, (Combine.ALONE, Combine.ADD)):
            yield cls.of_shape(rng, 2, widest * config.array_cols, 3, function=function, combine=combine)
            yield cls.of_shape(rng, 1, config.array_cols, config.gemm_max_k, function=function, combine=combine)

    @classmethod
    def many_rows(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[EpilogueCommand]:
        """More rows of tiles than may be told ahead, each operand's blocks the outer loop."""
        for resident, combine in product((GemmFlags(0), GemmFlags.A_RESIDENT), (Combine.ALONE, Combine.ADD)):
            flags = GemmFlags.PARAMS | GemmFlags.OUT_INT16 | GemmFlags.B_NARROW | resident
            yield cls.of_shape(rng, 12 * config.array_rows, 4 * config.array_cols, 9, flags=flags, combine=combine)

    @classmethod
    def huge(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[tuple[EpilogueCommand, Change]]:
        """As many rows as a single bit says, and some tiles more."""
        block = tiles_per_half(1, config.a_depth // 2)
        for bit in range(10, 24):
            yield (
                cls.of_shape(rng, (block + 2) * config.array_rows, config.array_cols, 5),
                exchange(m=(1 << bit) + block * config.array_rows),
            )

    def result(self) -> Array:
        return vector(self.op, self.product.result(), self.d)

    def place(self, layout: Layout) -> PlacedCommand:
        op = self.op
        per_column = GemmFlags.PER_COLUMN if np.ndim(op.out.gain) == 1 else GemmFlags(0)
        vectors = {"out": op.out.packed()} | ({} if op.table is None else {"table": op.table})
        unused = dict(zip(("d_addr", "table_addr"), self.noise, strict=True)) | {"d_multiplier": op.b_multiplier}
        flags = self.product.flags | GemmFlags.EPILOGUE | per_column
        fields = op.epilogue_fields | unused
        return place_product(layout, self.product, self.result(), flags, self.d, vectors, **fields)
