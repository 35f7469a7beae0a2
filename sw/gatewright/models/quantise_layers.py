"""Post-training quantisation of linear layers and attention to int8.

A linear layer is quantised by search: how far the input's large columns move into the weights (the exponent alpha of
G. Xiao et al., "SmoothQuant", 2023) and where the input's range is cut are chosen so that the layer's output on real
inputs has the least squared error. Weights are symmetric with a scale per output channel.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from gatewright.models.observe import Observed
from gatewright.recommender.host_ops import INT8_MAX, quantise
from gatewright.recommender.quantised import QuantisedAttention, QuantisedLinear
from gatewright.spec.fixed import Requantise
from gatewright.spec.softmax import score_requantise

__all__ = ["HEADROOM", "quantise_attention", "quantise_linear", "quantise_rows"]

ALPHAS = (0.0, 0.25, 0.5, 0.65, 0.8)
CUTS = (1.0, 0.85, 0.7, 0.5)
HEADROOM = 1.02
"""Range of an accelerator output over the largest magnitude seen in calibration."""


def quantise_linear(
    layer: nn.Linear, seen: Observed, output_scale: np.ndarray | None = None, fine: bool = False
) -> QuantisedLinear:
    """Quantise a layer whose input the host quantises.

    With ``output_scale`` (float [n], one unit of each output column) the output is int8, else int32. A ``fine`` input
    has 15 bits, enough for one unit for all columns.
    """
    if fine:
        whole = np.full_like(seen.input_range, max(float(seen.input_range.max()), 1e-6) / INT8_MAX)
        return _with_input_scale(layer, whole, None, fine)
    return _with_input_scale(layer, _input_scale(layer.weight.detach().numpy(), seen), output_scale)


def quantise_attention(
    query: nn.Linear,
    key: nn.Linear,
    value: nn.Linear,
    out: nn.Linear,
    heads: int,
    seen: Callable[[nn.Linear], Observed],
) -> QuantisedAttention:
    """Quantise query, key, value and output projection from what each was seen to take and give.

    Columns of Q and K share a range: what one is divided by the other is multiplied with, so that the product is
    untouched. Key and value read one quantised input. V keeps a unit per column, which passes through the weighted mean
    into the output projection's weights.
    """
    q, k, v = (np.maximum(seen(layer).output_range, 1e-6) for layer in (query, key, value))
    share = np.sqrt(q / k)
    unit = HEADROOM * np.sqrt(q * k).max() / INT8_MAX
    value_scale = HEADROOM * v / INT8_MAX
    token_scale = _input_scale(torch.cat([key.weight, value.weight]).detach().numpy(), seen(key))
    gain = INT8_MAX / (HEADROOM * (seen(out).input_range / value_scale).max())
    return QuantisedAttention(
        heads=heads,
        query=quantise_linear(query, seen(query), unit * share),
        key=_with_input_scale(key, token_scale, unit / share),
        value=_with_input_scale(value, token_scale, value_scale),
        out=_with_input_scale(out, value_scale / gain),
        score=score_requantise(unit, unit, len(q) // heads),
        mix=Requantise.from_scale(gain),
    )


def quantise_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integer-valued float32 [n, k] within +-127 and the unit of each row, float [n]."""
    unit = np.maximum(np.abs(weight).max(1), 1e-12) / INT8_MAX
    return np.rint(weight / unit[:, None]).astype(np.float32), unit


def _input_scale(weight: np.ndarray, seen: Observed) -> np.ndarray:
    """float32 [k], the units of the input columns that cost a weight matrix [n, k] the least error on the sample.

    Units are in proportion to ``input range ** alpha / weight range ** (1 - alpha)``; all the same where alpha is 0.
    """
    columns = np.maximum(seen.input_range, 1e-6)
    weights = np.maximum(np.abs(weight).max(0), 1e-6)
    target = seen.rows @ weight.T
    best, found = np.inf, columns
    for alpha in ALPHAS:
        shape = columns**alpha / weights ** (1 - alpha) if alpha else np.ones_like(columns)
        for cut in CUTS:
            scale = (shape * ((columns / shape).max() * cut / INT8_MAX)).astype(np.float32)
            integers, unit = quantise_rows(weight * scale)
            error = np.square((quantise(seen.rows, scale).astype(np.float32) @ integers.T) * unit - target).mean()
            if error < best:
                best, found = error, scale
    return found


def _with_input_scale(
    layer: nn.Linear, input_scale: np.ndarray, output_scale: np.ndarray | None = None, fine: bool = False
) -> QuantisedLinear:
    """Quantise a layer whose input units (float [k]) are given."""
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    integers, scale = quantise_rows(weight * input_scale)
    parts = [] if output_scale is None else [Requantise.from_scale(float(x)) for x in scale / output_scale]
    return QuantisedLinear(
        weight=integers.astype(np.int8),
        bias=np.clip(np.rint(bias / scale), -(2**31) + 1, 2**31 - 1).astype(np.int32),
        input_scale=np.asarray(input_scale, np.float32),
        scale=scale.astype(np.float32),
        multiplier=np.array([part.multiplier for part in parts], np.uint16),
        shift=np.array([part.shift for part in parts], np.uint8),
        fine=fine,
    )
