"""Random and chosen GEMM commands, laid out in a byte memory, with the memory that they must leave behind."""

from dataclasses import dataclass

import numpy as np

from gatewright.spec.commands import GEMM, GEMM_PARAMS_DTYPE, GemmFlags, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.fixed import SHIFT_MAX
from gatewright.spec.memory import BUS_BYTES
from gatewright_sim.benches.harness.layout import Layout, PlacedCase, padded_rows
from gatewright_sim.golden.gemm import gemm

__all__ = [
    "LEGAL_FLAGS",
    "Product",
    "extreme_int8",
    "padded_rows",
    "place",
    "random_flags",
    "random_int8",
    "random_product",
    "random_shape",
]


LEGAL_FLAGS = [
    flags
    for flags in range(1 << len(GemmFlags))
    if flags & GEMM.one_of and flags & GEMM.at_most_one_of != GEMM.at_most_one_of
]
"""Every combination that is allowed."""


@dataclass
class Product:
    """Operands a [M, K] and b [N, K], column parameters, and flags: the input of one command."""

    a: np.ndarray
    b: np.ndarray
    params: np.ndarray
    flags: int


def random_int8(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """All of int8."""
    return rng.integers(-128, 128, shape, np.int8)


def extreme_int8(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Lowest and highest only."""
    return rng.choice(np.array([-128, 127], np.int8), shape)


def random_flags(rng: np.random.Generator) -> int:
    """A combination that is allowed."""
    return int(rng.choice(LEGAL_FLAGS))


def random_product(rng: np.random.Generator, m: int, n: int, k: int, flags: int | None = None) -> Product:
    """Requantisers that mostly reach the middle of int8; operands and biases are sometimes extreme throughout."""
    params = np.zeros(n, GEMM_PARAMS_DTYPE)
    extreme = rng.random() < 0.3
    params["bias"] = rng.integers(-(2**31), 2**31, n) if extreme else rng.integers(-20_000, 20_000, n)
    params["multiplier"] = rng.integers(0, 1 << 16, n)
    params["shift"] = rng.integers(0, SHIFT_MAX + 1, n) if extreme else rng.integers(18, 34, n)
    params["zero"] = rng.integers(0, 256, n)  # ignored
    draw = extreme_int8 if extreme else random_int8
    return Product(draw(rng, m, k), draw(rng, n, k), params, random_flags(rng) if flags is None else flags)


def random_shape(rng: np.random.Generator, config: AcceleratorConfig) -> tuple[int, int, int]:
    """M, N, K: small ones, edges of tiles, several blocks, or the longest inner dimension."""
    rows, cols = config.array_rows, config.array_cols
    shapes = (
        rng.integers(1, 2 * cols, 3),
        (rng.integers(1, 6 * rows), rng.integers(1, 6 * cols), rng.integers(1, 70)),
        (rng.choice([1, rows, rows + 1]), rng.choice([1, cols, 12 * cols]), rng.choice([1, 8, 40])),
        (rng.choice([1, 3 * rows]), rng.choice([3, 2 * cols + 1]), config.gemm_max_k - rng.integers(0, 20)),
    )
    m, n, k = shapes[rng.integers(len(shapes))]
    return int(m), int(n), int(k)


def place(layout: Layout, product: Product) -> PlacedCase:
    """Put the operands of a command into ``layout`` and its result into what must be there in the end."""
    flags, params = product.flags, product.params
    wide = bool(flags & GemmFlags.OUT_INT32)
    with_params = bool(flags & GemmFlags.PARAMS)
    result = gemm(
        product.a,
        product.b,
        params["bias"] if with_params else None,
        None if wide else params["multiplier"],
        None if wide else params["shift"],
        16 if flags & GemmFlags.OUT_INT16 else 8,
    )
    a = padded_rows(layout.rng, product.a)
    b = padded_rows(layout.rng, product.b.T if flags & GemmFlags.B_KN else product.b)
    c = padded_rows(layout.rng, np.zeros_like(result))
    ranges = {"a": layout.put(a), "b": layout.put(b), "params": layout.put(params), "c": layout.put(c)}
    out = result.view(np.uint8).reshape(len(result), -1)
    c[:, : out.shape[1]] = out
    start = ranges["c"][0]
    layout.after[start : start + c.size] = c.ravel()
    (m, k), n = product.a.shape, len(product.b)
    command = encode(
        GEMM,
        flags,
        **{f"{name}_addr": begin for name, (begin, _) in ranges.items()},
        m=m,
        n=n,
        k=k,
        a_stride=a.shape[1],
        b_stride=b.shape[1],
        c_stride=c.shape[1],
    )
    reads = [ranges["a"], ranges["b"]] + ([ranges["params"]] if with_params else [])
    beats = m * -(-k // BUS_BYTES) + b.shape[0] * -(-product.b.size // len(b) // BUS_BYTES) + with_params * n
    return PlacedCase(command, ErrorCode.NONE, reads, beats)
