"""The fusion on the accelerator: question, attention over the history, feed-forward, and scores of all items."""

import numpy as np

from gatewright.driver import Accelerator
from gatewright.recommender.host_ops import INT8_MAX, gelu, join_fine, layer_norm, quantise_fine
from gatewright.recommender.layers import Attention, Linear
from gatewright.recommender.quantised import QuantisedFusion

__all__ = ["Fusion"]


class Fusion:
    """User vectors and scores. Uploads its weights and the item table when it is made."""

    def __init__(self, accelerator: Accelerator, values: QuantisedFusion) -> None:
        self.accelerator, self.values = accelerator, values
        self.question = Linear(accelerator, values.question)
        self.attention = Attention(accelerator, values.attention)
        self.inner, self.outer = Linear(accelerator, values.inner), Linear(accelerator, values.outer)
        self.table = accelerator.upload(values.table)

    def user_vector(
        self, graph: np.ndarray, query: np.ndarray, items: np.ndarray, half_stars: np.ndarray
    ) -> np.ndarray:
        """float32 [width] from unit graph vector, unit text vector, and the user's ratings (oldest first, not none)."""
        values = self.values
        latest = slice(None, -len(values.positions) - 1, -1)
        items, half_stars = items[latest], half_stars[latest]
        real = values.table[items] * values.item_scale[items, None] * values.column_scale
        tokens = real + values.positions[: len(items)] + values.stars[half_stars - 1]
        x = self.question.real(self.question.quantise(np.concatenate([graph, query])[None]))
        z = x + self.attention(x, tokens, [(slice(None), slice(None))])
        normed = layer_norm(z, values.norm.gain, values.norm.bias, values.norm.epsilon)
        hidden = gelu(self.inner.real(self.inner.quantise(normed)))
        return (z + self.outer.real(self.outer.quantise(hidden)))[0]

    def scores(self, user: np.ndarray) -> np.ndarray:
        """float32 [items], the dot products with all item vectors.

        The user vector goes as two int8 rows, a high and a low part: the array has rows to spare, and 15 bits of the
        user leave the item table as the only rounding that counts.
        """
        scaled = user * self.values.column_scale
        step = max(float(np.abs(scaled).max()), 1e-12) / INT8_MAX
        sums = join_fine(self.accelerator.gemm(quantise_fine(scaled[None], step), self.table))
        return (sums[0] * step * self.values.item_scale).astype(np.float32)
