"""Multi-head attention in integers: what the array and its softmax compute, bit for bit.

    s = requantise(Q_h K_h^T)                int16, log2 units (128 doubles the weight)
    e = EXP_TABLE[min(max_j s - s, 2047)]    uint8, zero where a key is masked
    O_h = requantise(e V_h) by out / sum_j e

The rules are those of :mod:`gatewright.spec.softmax`. Masked keys do not count for the maximum; a row without a key
gives zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewright.spec.fixed import Requantise, narrowed
from gatewright.spec.softmax import EXP_ENTRIES, EXP_ONE, EXP_TABLE, SCORE_BITS, row_scale
from gatewright_sim.golden.exact import exact_matmul, factor, rescale
from gatewright_sim.golden.gemm import PRODUCT_MAX, RESULT_TYPE

__all__ = ["attention"]

assert SCORE_BITS == 16
_WEIGHT = EXP_TABLE[np.minimum(np.arange(1 << SCORE_BITS), EXP_ENTRIES - 1)].astype(np.float32)
"""e by the distance of a score from the row's largest one; sums of a row stay below 2**24."""

Int8 = npt.NDArray[np.int8]


def _split_heads(x: Int8, heads: int) -> Int8:
    """[..., S, heads * d] -> [..., heads, S, d]."""
    return np.moveaxis(x.reshape(*x.shape[:-1], heads, -1), -2, -3)


def _allowed(
    seq_q: int, seq_kv: int, causal: bool, key_mask: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.bool_] | None:
    """Which key a query may attend to, broadcastable to [..., heads, seq_q, seq_kv]; None for any."""
    allowed = np.tri(seq_q, seq_kv, seq_kv - seq_q, dtype=bool) if causal else None
    if key_mask is not None:
        keys = key_mask.astype(bool)[..., None, None, :]
        allowed = keys if allowed is None else allowed & keys
    return allowed


def attention(
    q: Int8,
    k: Int8,
    v: Int8,
    heads: int,
    score: Requantise,
    out: Requantise,
    causal: bool = False,
    key_mask: npt.NDArray[np.bool_] | None = None,
    bits: int = 8,
) -> Int8 | npt.NDArray[np.int16]:
    """``softmax(Q_h K_h^T * score) V_h * out`` for each head.

    Parameters
    ----------
    q : int8 [..., seq_q, heads * d].
    k, v : int8 [..., seq_kv, heads * d]; leading dimensions broadcast. Elements that are -128 count as -127.
    score : brings Q K^T to log2 units with 7 fraction bits: scale_q * scale_k / sqrt(d) * log2(e) * 128.
    out : brings the weighted mean of V to the output's units: scale_v / scale_o.
    causal : query i attends to keys j <= i + seq_kv - seq_q.
    key_mask : bool [..., seq_kv], True where the key may be attended to.
    bits : width of the result, 8 or 16.

    Returns int8 or int16 [..., seq_q, heads * d]. Raises ValueError naming an operand that does not fit.
    """
    for name, operand in (("q", q), ("k", k), ("v", v)):
        if operand.dtype != np.int8 or operand.ndim < 2 or operand.shape[-1] != q.shape[-1]:
            raise ValueError(
                f"{name} is {operand.dtype} {list(operand.shape)}, allowed: int8 [..., sequence, {q.shape[-1]}]"
            )
    if heads < 1 or q.shape[-1] % heads:
        raise ValueError(f"heads is {heads}, allowed: a divisor of the width {q.shape[-1]}")
    if k.shape[-2] != v.shape[-2]:
        raise ValueError(f"k has {k.shape[-2]} rows and v {v.shape[-2]}, allowed: the same")
    if key_mask is not None and key_mask.shape[-1] != k.shape[-2]:
        raise ValueError(f"key_mask has {key_mask.shape[-1]} entries, allowed: {k.shape[-2]}")

    q_heads, k_heads, v_heads = (_split_heads(x, heads) for x in (q, narrowed(k), narrowed(v)))
    products = exact_matmul(q_heads, np.swapaxes(k_heads, -1, -2), PRODUCT_MAX)
    scores = rescale(products, factor(score.multiplier, score.shift), np.int16, PRODUCT_MAX * q_heads.shape[-1])
    allowed = _allowed(q.shape[-2], k.shape[-2], causal, key_mask)
    if allowed is not None:
        scores = np.where(allowed, scores, np.iinfo(np.int16).min)
    distance = np.subtract(scores.max(axis=-1, keepdims=True), scores).view(np.uint16)  # modulo 2**16: never negative
    weight = _WEIGHT.take(distance)
    if allowed is not None:
        weight *= allowed
    multiplier, shift = row_scale(weight.sum(axis=-1).astype(np.int64), out)
    largest = EXP_ONE << 7
    sums = exact_matmul(weight, v_heads, largest)
    mean = rescale(sums, factor(multiplier, shift)[..., None], RESULT_TYPE[bits], largest * k.shape[-2])
    return np.moveaxis(mean, -3, -2).reshape(*mean.shape[:-3], q.shape[-2], q.shape[-1])
