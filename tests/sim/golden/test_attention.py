import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.spec.fixed import Requantise, requantise
from gatewright.spec.softmax import EXP_ENTRIES, EXP_ONE, EXP_TABLE, SCORE_BITS, SCORE_FRACTION_BITS, row_scale
from gatewright_sim.golden.attention import attention
from gatewright_sim.golden.gemm import RESULT_TYPE

_SCORE_STEP = 2 ** (0.5 / (1 << SCORE_FRACTION_BITS)) - 1
"""Relative error of a weight from rounding its score to half a unit in the last place."""
_MULTIPLIER = 2.0**-16
_RECIPROCAL = 2.0**-10.9
"""Half of an interval of the reciprocal table, and the rounding of table and multiplier."""


def _requantisers(
    scale_q: float, scale_k: float, d: int, scale_v: float, scale_o: float
) -> tuple[Requantise, Requantise]:
    score = scale_q * scale_k / math.sqrt(d) * math.log2(math.e) * (1 << SCORE_FRACTION_BITS)
    return Requantise.from_scale(score), Requantise.from_scale(scale_v / scale_o)


def _float_attention(q, k, v, heads, causal, key_mask):
    """torch's answer and, per row, the sum of weights relative to the largest one and the largest exponent in use."""

    def split(x):
        return torch.from_numpy(x).double().reshape(len(x), heads, -1).transpose(0, 1)

    allowed = torch.ones(len(q), len(k), dtype=torch.bool)
    if causal:
        allowed = allowed.tril(len(k) - len(q))
    if key_mask is not None:
        allowed = allowed & torch.from_numpy(key_mask)
    qh, kh, vh = split(q), split(k), split(v)
    expected = torch.nn.functional.scaled_dot_product_attention(qh, kh, vh, attn_mask=allowed)
    scores = qh @ kh.transpose(1, 2) / math.sqrt(qh.shape[-1])
    scores = scores.masked_fill(~allowed, -math.inf)
    total = (scores - scores.amax(-1, keepdim=True)).exp().sum(-1)
    largest = torch.where(allowed, scores.abs(), 0).amax().item()
    return expected.transpose(0, 1).reshape(len(q), -1).numpy(), total.numpy(), largest


@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
@pytest.mark.parametrize(
    ("seq_q", "seq_kv", "heads", "d", "causal", "masked"),
    [
        (1, 1, 1, 8, False, False),
        (16, 16, 2, 32, False, False),
        (33, 57, 3, 16, False, True),
        (128, 128, 4, 32, True, False),
        (20, 50, 2, 64, True, True),
    ],
)
def test_stays_within_the_bound_of_torch(seq_q, seq_kv, heads, d, causal, masked, spread, rng) -> None:
    """With p the float weights and w their sum relative to the largest, an output differs by at most

    2 max|v| (r w + n / 510) / (w (1 - 2 r) - n / 510)  +  2**-10.9 |o|  +  half a unit of the output,

    r the relative error of one score: half a unit in the last place, and the multiplier's.
    """
    q, k, v = (rng.integers(-127, 128, (n, heads * d), np.int8) for n in (seq_q, seq_kv, seq_kv))
    scale = spread / (73.0 * d**0.25)
    scale_v = scale_o = 0.02
    key_mask = None
    if masked:
        key_mask = rng.random(seq_kv) < 0.7
        key_mask[0] = True
    score, out = _requantisers(scale, scale, d, scale_v, scale_o)
    result = attention(q, k, v, heads, score, out, causal, key_mask) * scale_o
    expected, total, largest = _float_attention(q * scale, k * scale, v * scale_v, heads, causal, key_mask)

    relative = _SCORE_STEP + largest * math.log(2) * _MULTIPLIER * 4
    absolute = seq_kv * 0.5 / EXP_ONE
    weights = (relative * total + absolute) / np.maximum(total * (1 - 2 * relative) - absolute, 0.2)
    bound = np.repeat(weights.T, d, axis=1) * 2 * 127 * scale_v + _RECIPROCAL * np.abs(expected) + 0.501 * scale_o
    assert np.all(np.abs(result - expected) <= bound)
    typical = np.sqrt(np.mean((result - expected) ** 2))
    assert typical <= 0.6 * scale_o, f"typical error {typical / scale_o:.2f} of an output step"


def _by_the_formula(q, k, v, heads, score, out, causal, key_mask, bits):
    """Head by head and row by row, in the integers of the contract."""
    k, v = (np.where(x == -128, -127, x.astype(np.int64)) for x in (k, v))
    d = q.shape[1] // heads
    result = np.zeros(q.shape, np.int64)
    for row in range(len(q)):
        keys = [
            j for j in range(len(k)) if (not causal or j <= row + len(k) - len(q)) and (key_mask is None or key_mask[j])
        ]
        for head in range(heads) if keys else ():
            columns = slice(head * d, head * d + d)
            scores = score.compute(k[keys, columns] @ q[row, columns].astype(np.int64), SCORE_BITS)
            weights = EXP_TABLE[np.minimum(scores.max() - scores, EXP_ENTRIES - 1)].astype(np.int64)
            multiplier, shift = row_scale(weights.sum(), out)
            result[row, columns] = requantise(weights @ v[keys, columns], multiplier, shift, bits)
    return result


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_equals_the_formula(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    heads, d = data.draw(st.sampled_from([(1, 8), (3, 8), (2, 16)]))
    rows, keys = data.draw(st.tuples(st.integers(1, 9), st.sampled_from([1, 2, 5, 12, 600])))
    q, k, v = (
        rng.choice([-128, 127, int(rng.integers(-128, 128))], (n, heads * d)).astype(np.int8)
        for n in (rows, keys, keys)
    )
    score = Requantise(int(rng.integers(1 << 16)), data.draw(st.integers(8, 30)))
    out = Requantise(int(rng.integers(1 << 16)), data.draw(st.integers(0, 20)))
    mask = rng.random(keys) < 0.6 if data.draw(st.booleans()) else None
    call = (q, k, v, heads, score, out, data.draw(st.booleans()), mask, data.draw(st.sampled_from([8, 16])))
    result = attention(*call)
    assert result.dtype == RESULT_TYPE[call[-1]]
    np.testing.assert_array_equal(result, _by_the_formula(*call))


def test_row_without_a_key_is_zero(rng: np.random.Generator) -> None:
    q, k, v = (rng.integers(-128, 128, (n, 16), np.int8) for n in (9, 4, 4))
    score, out = Requantise.from_scale(0.05), Requantise.from_scale(1.0)
    assert not attention(q, k, v, 2, score, out, key_mask=np.zeros(4, bool)).any()
    result = attention(q, k, v, 2, score, out, causal=True)  # queries 0..4 come before the first key
    assert not result[:5].any()
    assert result[5:].any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 20), st.booleans())
def test_masked_keys_have_no_influence(seed: int, seq_q: int, seq_kv: int, causal: bool) -> None:
    rng = np.random.default_rng(seed)
    q, k, v = (rng.integers(-128, 128, (n, 16), np.int8) for n in (seq_q, seq_kv, seq_kv))
    mask = rng.random(seq_kv) < 0.5
    score, out = Requantise(int(rng.integers(1 << 16)), int(rng.integers(10, 24))), Requantise.from_scale(1.0)
    other_k, other_v = (np.where(mask[:, None], x, rng.integers(-128, 128, x.shape, np.int8)) for x in (k, v))
    np.testing.assert_array_equal(
        attention(q, k, v, 2, score, out, causal, mask), attention(q, other_k, other_v, 2, score, out, causal, mask)
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_equal_values_come_back_whatever_the_weights(seed: int, seq_kv: int) -> None:
    rng = np.random.default_rng(seed)
    q, k = (rng.integers(-128, 128, (n, 8), np.int8) for n in (3, seq_kv))
    v = np.broadcast_to(rng.integers(-128, 128, 8, np.int8), (seq_kv, 8))
    result = attention(q, k, v, 1, Requantise(40000, 18), Requantise.from_scale(1.0))
    np.testing.assert_array_equal(result, np.broadcast_to(np.maximum(v[0], -127), (3, 8)))


def test_batches_equal_single_calls(rng: np.random.Generator) -> None:
    q, k, v = (rng.integers(-128, 128, (7, n, 24), np.int8) for n in (4, 11, 11))
    mask = rng.random((7, 11)) < 0.6
    score, out = Requantise.from_scale(0.02), Requantise.from_scale(0.9)
    together = attention(q, k, v, 3, score, out, False, mask)
    for index in range(7):
        single = attention(q[index], k[index], v[index], 3, score, out, False, mask[index])
        np.testing.assert_array_equal(together[index], single)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"q": np.zeros((2, 8), np.int16)}, "q is int16"),
        ({"k": np.zeros((3, 16), np.int8)}, "k is int8"),
        ({"v": np.zeros((4, 8), np.int8)}, "v 4"),
        ({"heads": 3}, "heads"),
        ({"key_mask": np.ones(2, bool)}, "key_mask"),
    ],
)
def test_refuses_operands_that_do_not_fit(change: dict, field: str) -> None:
    q, k = np.zeros((2, 8), np.int8), np.zeros((3, 8), np.int8)
    operands = {"q": q, "k": k, "v": k, "heads": 1, "score": Requantise(1, 0), "out": Requantise(1, 0)} | change
    with pytest.raises(ValueError, match=field):
        attention(**operands)
