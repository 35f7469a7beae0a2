"""How often a GEMM reads each operand, by the choice of the operand that stays on chip."""

from __future__ import annotations

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import BUS_BYTES

__all__ = ["a_resident", "gemm_read_beats"]


def gemm_read_beats(
    m: int, n: int, k: int, config: AcceleratorConfig, *, resident_a: bool, b_is_kn: bool = False
) -> int:
    """Beats of A and B that a GEMM reads from DDR.

    Half of an operand buffer holds as many whole tiles as fit: ``array_rows`` (A) or ``array_cols`` (B) rows of k
    values times the number of tiles. The resident operand is read once, the other once for each of its blocks.
    """
    words = -(-k // BUS_BYTES)
    a_block = config.array_rows * (config.a_depth // 2 // words)
    b_block = config.array_cols * (config.b_depth // 2 // words)
    a_beats = m * words
    b_beats = k * -(-n // BUS_BYTES) if b_is_kn else n * words
    if resident_a:
        return a_beats + b_beats * -(-m // a_block)
    return b_beats + a_beats * -(-n // b_block)


def a_resident(m: int, n: int, k: int, config: AcceleratorConfig, b_is_kn: bool = False) -> bool:
    """Whether keeping A on chip reads less than keeping B there."""
    with_a, with_b = (gemm_read_beats(m, n, k, config, resident_a=choice, b_is_kn=b_is_kn) for choice in (True, False))
    return with_a < with_b
