"""Single kernels on random operands: a product, an attention, products of few rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gatewright.driver.accelerator import Accelerator
from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.speed.workload import Counted, Workload, working_engine
from gatewright_sim.stimulus import AttentionStimulus, GemmStimulus, Stimulus

__all__ = ["attention", "gemm", "products"]

PRODUCT = (128, 384, 384)
"""Rows of A, columns of B, inner dimension: a projection of MiniLM at 128 tokens."""

TOKENS, HEADS, HEAD_DIM = 128, 12, 32
FEW_ROWS = (1, 2, 3, 4)
COLUMNS = {64: 9066, 384: 1536, 1536: 384}
"""Of a product of few rows, by its inner dimension: scoring all movies, and MiniLM's layers."""


def gemm(config: AcceleratorConfig) -> Iterator[Workload]:
    """A product whose weights are read once and stay with the array while all rows of A pass."""
    m, n, k = *PRODUCT[:2], min(PRODUCT[2], config.gemm_max_k)
    yield _workload("gemm", f"{m} x {n} x {k}", lambda: GemmStimulus.random(0, m, n, k))


def attention(config: AcceleratorConfig) -> Iterator[Workload]:
    """MiniLM's, at 128 tokens or as many as the configuration holds."""
    tokens, dim = min(TOKENS, config.max_seq), min(HEAD_DIM, config.max_head_dim)
    what = f"{tokens} tokens, {HEADS} heads of {dim}"
    yield _workload("attention", what, lambda: AttentionStimulus.random(0, tokens, tokens, HEADS, dim))


def products(config: AcceleratorConfig) -> Iterator[Workload]:
    """Products of one to four rows, which wait for their weights alone."""
    for k, n in COLUMNS.items():
        if k <= config.gemm_max_k:
            yield from (_product(m, n, k) for m in FEW_ROWS)


def _product(m: int, n: int, k: int) -> Workload:
    def run(accelerator: Accelerator) -> Counted:
        rng = np.random.default_rng(0)
        accelerator.gemm(*(rng.integers(-127, 128, (rows, k), np.int8) for rows in (m, n)))
        return Counted.of(working_engine(accelerator))

    return Workload("products", f"{m} x {n:,} x {k:,}", f"product {m} {n} {k}", run)


def _workload(part: str, what: str, stimulus: Callable[[], Stimulus]) -> Workload:
    def run(accelerator: Accelerator) -> Counted:
        stimulus().run(accelerator)
        return Counted.of(working_engine(accelerator))

    return Workload(part, what, f"{part} {what}", run)
