"""How operand tiles share the halves of the double buffers, and the traffic that follows.

Half of an operand buffer holds a block of whole tiles: ``array_rows`` rows of A, or ``array_cols`` columns of B, of k
values each. The gemm engine loads one block of each operand while it multiplies the last.
"""

from __future__ import annotations

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import BUS_BYTES

__all__ = ["BLOCK_TILES", "gemm_read_beats", "keeps_a_resident", "tiles_per_half"]

BLOCK_TILES = 8
"""Most tiles of an operand in a block, a power of two. More would hardly cut traffic, but cost parameter memory."""


def tiles_per_half(pitch: int, half: int) -> int:
    """Tiles of ``pitch`` words in a half of ``half`` words (at least one fits): a power of two up to BLOCK_TILES."""
    tiles = BLOCK_TILES
    while tiles > 1 and tiles * pitch > half:
        tiles //= 2
    return tiles


def gemm_read_beats(
    m: int, n: int, k: int, config: AcceleratorConfig, *, resident_a: bool, b_is_kn: bool = False
) -> int:
    """Beats of A and B that a GEMM reads from DDR: the resident operand once, the other once per block of it."""
    words = -(-k // BUS_BYTES)
    a_block = config.array_rows * tiles_per_half(words, config.a_depth // 2)
    b_block = config.array_cols * tiles_per_half(words, config.b_depth // 2)
    a_beats = m * words
    b_beats = k * -(-n // BUS_BYTES) if b_is_kn else n * words
    if resident_a:
        return a_beats + b_beats * -(-m // a_block)
    return b_beats + a_beats * -(-n // b_block)


def keeps_a_resident(m: int, n: int, k: int, config: AcceleratorConfig, *, b_is_kn: bool = False) -> bool:
    """Whether a GEMM reads less with A_RESIDENT than without."""
    with_a, with_b = (gemm_read_beats(m, n, k, config, resident_a=choice, b_is_kn=b_is_kn) for choice in (True, False))
    return with_a < with_b
