"""Integer softmax: exp and reciprocal tables, and the per-row output scale.

For one row of scores s (int16, log2 units with 7 fraction bits, so a score of 128 doubles the weight):

    e_j = EXP_TABLE[min(max(s) - s_j, 2047)]        unsigned 8 bit, 255 stands for 1.0
    o   = requantise(sum_j e_j v_j, row multiplier, row shift)

where the row multiplier and shift are the output requantiser's times ``1 / sum_j e_j``, taken from RECIPROCAL_TABLE.
Numerator and denominator use the same quantised e, so that the weights always sum to one; what is left is the error of
e itself (two scores, each rounded to 1/128 in log2: 0.54 % relative; half of 1/255 absolute) and 0.05 % of the
reciprocal. The division is postponed until after the product with V as in FlashAttention (Dao et al., 2022); base-2
exponentials with a look-up table follow Softermax (Stevens et al., DAC 2021).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.fixed import MULTIPLIER_BITS, SHIFT_MAX, Requantise

__all__ = [
    "EXP_BITS",
    "EXP_ENTRIES",
    "EXP_ONE",
    "EXP_TABLE",
    "RECIPROCAL_BITS",
    "RECIPROCAL_INDEX_BITS",
    "RECIPROCAL_TABLE",
    "SCORE_BITS",
    "SCORE_FRACTION_BITS",
    "row_scale",
    "score_requantise",
]

SCORE_BITS = 16
SCORE_FRACTION_BITS = 7
EXP_BITS = 8
EXP_ONE = 255
EXP_ENTRIES = 2048

EXP_TABLE: npt.NDArray[np.uint8] = np.rint(
    EXP_ONE * 2.0 ** (-np.arange(EXP_ENTRIES) / 2.0**SCORE_FRACTION_BITS)
).astype(np.uint8)
"""uint8[2048]: ``round(255 * 2**(-t / 128))``; zero from t = 1152 on."""

RECIPROCAL_INDEX_BITS = 10
RECIPROCAL_BITS = 16

RECIPROCAL_TABLE: npt.NDArray[np.uint16] = np.rint(
    2.0**RECIPROCAL_BITS / (1.0 + (np.arange(1 << RECIPROCAL_INDEX_BITS) + 0.5) / (1 << RECIPROCAL_INDEX_BITS))
).astype(np.uint16)
"""uint16[1024]: ``round(2**16 / m)`` at the middle of each of 1024 intervals of the mantissa m in [1, 2)."""


def row_scale(
    exp_sum: npt.NDArray[np.integer[Any]], out: Requantise
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The multiplier and shift that requantise a row of P V by ``out / exp_sum``.

    ``exp_sum`` is any shape, integers in 0..2**31-1. With n its bit length, the 10 bits below its leading one index
    RECIPROCAL_TABLE; multiplier = (table * out.multiplier + 2**15) >> 16, shift = min(out.shift + n - 1, 63).
    A sum of zero (every key masked) gives multiplier 0, hence an output of zero.
    """
    total = np.asarray(exp_sum, np.int64)
    safe = np.maximum(total, 1)
    length = np.frexp(safe.astype(np.float64))[1].astype(np.int64)  # bit length: exact below 2**53
    aligned = np.left_shift(safe, np.maximum(RECIPROCAL_INDEX_BITS + 1 - length, 0))
    aligned = np.right_shift(aligned, np.maximum(length - RECIPROCAL_INDEX_BITS - 1, 0))
    reciprocal = RECIPROCAL_TABLE[aligned - (1 << RECIPROCAL_INDEX_BITS)].astype(np.int64)
    rounded = (reciprocal * out.multiplier + (1 << (RECIPROCAL_BITS - 1))) >> RECIPROCAL_BITS
    assert int(np.max(rounded, initial=0)) < 1 << MULTIPLIER_BITS
    multiplier = np.where(total > 0, rounded, 0)
    shift = np.minimum(out.shift + length - 1, SHIFT_MAX)
    return multiplier, shift


def score_requantise(q_scale: float, k_scale: float, head_dim: int) -> Requantise:
    """The requantiser from ``Q K^T`` accumulators to scores: ``q_scale * k_scale / sqrt(d) * log2(e) * 2**7``.

    ``q_scale`` and ``k_scale`` are the real values of one unit of Q and K.
    """
    return Requantise.from_scale(q_scale * k_scale / math.sqrt(head_dim) * math.log2(math.e) * 2**SCORE_FRACTION_BITS)
