"""The traffic of a GEMM's operands."""

from __future__ import annotations

import pytest

from gatewright.spec.config import get_config
from gatewright.spec.tiling import gemm_read_beats, keeps_a_resident

TINY = get_config("tiny")


@pytest.mark.parametrize(
    ("m", "n", "k", "kn", "with_a", "with_b"),
    [
        # tiny: a bank's half holds 64 (A) and 128 (B) words; k = 64 takes 8: blocks of 8 tiles, 32 rows of A, 64 of B
        (32, 64, 64, False, 32 * 8 + 64 * 8, 32 * 8 + 64 * 8),
        (33, 64, 64, False, 33 * 8 + 2 * 64 * 8, 33 * 8 + 64 * 8),
        (32, 65, 64, False, 32 * 8 + 65 * 8, 2 * 32 * 8 + 65 * 8),
        (33, 65, 64, True, 33 * 8 + 2 * 64 * 9, 2 * 33 * 8 + 64 * 9),
        # k = 160 takes 20 words: three tiles of A would fit, but blocks are powers of two
        (9, 33, 160, False, 9 * 20 + 2 * 33 * 20, 33 * 20 + 2 * 9 * 20),
        (5, 9, 512, False, 2 * 9 * 64 + 5 * 64, 9 * 64 + 5 * 64),
    ],
)
def test_gemm_traffic(m: int, n: int, k: int, kn: bool, with_a: int, with_b: int) -> None:
    assert gemm_read_beats(m, n, k, TINY, resident_a=True, b_is_kn=kn) == with_a
    assert gemm_read_beats(m, n, k, TINY, resident_a=False, b_is_kn=kn) == with_b
    assert keeps_a_resident(m, n, k, TINY, b_is_kn=kn) == (with_a < with_b)
