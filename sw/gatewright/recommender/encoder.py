"""all-MiniLM-L6-v2 on the accelerator: matrix products and attention there, norms, GELU and residuals on the host."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from gatewright.driver import Accelerator
from gatewright.recommender.errors import RecommenderError
from gatewright.recommender.host_ops import gelu, layer_norm, unit
from gatewright.recommender.layers import Attention, Linear
from gatewright.recommender.quantised import LayerNorm, QuantisedEncoder, QuantisedEncoderLayer

__all__ = ["Encoder"]


class Encoder:
    """Texts -> unit vectors. Uploads its weights when it is made.

    Raises `RecommenderError` when the package tokenizers is missing.
    """

    def __init__(self, accelerator: Accelerator, values: QuantisedEncoder) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise RecommenderError("reading text needs the package tokenizers: pip install tokenizers") from error
        self.values = values
        self.tokenizer = Tokenizer.from_str(values.tokenizer)
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(values.max_tokens)
        self.layers = [_Layer(accelerator, layer) for layer in values.layers]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [texts, width] unit vectors. Texts share matrix products, without padding; each attends to itself."""
        tokens = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        bounds = np.concatenate([[0], np.cumsum([len(ids) for ids in tokens])])
        spans = [slice(int(start), int(end)) for start, end in pairwise(bounds)]
        places = np.concatenate([np.arange(len(ids)) for ids in tokens])
        x = self.values.words[np.concatenate(tokens)].astype(np.float32) + self.values.positions[places]
        x = _normed(x, self.values.norm)
        for layer in self.layers:
            x = layer(x, spans)
        return unit(np.stack([x[span].mean(0) for span in spans]))


class _Layer:
    def __init__(self, accelerator: Accelerator, values: QuantisedEncoderLayer) -> None:
        self.values = values
        self.attention = Attention(accelerator, values.attention)
        self.inner, self.outer = Linear(accelerator, values.inner), Linear(accelerator, values.outer)

    def __call__(self, x: np.ndarray, spans: list[slice]) -> np.ndarray:
        x = _normed(x + self.attention(x, x, [(span, span) for span in spans]), self.values.attention_norm)
        hidden = gelu(self.inner.real(self.inner.quantise(x)))
        return _normed(x + self.outer.real(self.outer.quantise(hidden)), self.values.norm)


def _normed(x: np.ndarray, norm: LayerNorm) -> np.ndarray:
    return layer_norm(x, norm.gain, norm.bias, norm.epsilon)
