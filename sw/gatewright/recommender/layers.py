"""Quantised layers bound to an accelerator: weights are uploaded once, activations travel with each call."""

import numpy as np

from gatewright.driver import Accelerator
from gatewright.recommender.host_ops import join_fine, quantise, quantise_fine
from gatewright.recommender.quantised import QuantisedAttention, QuantisedLinear
from gatewright.spec.fixed import requantise

__all__ = ["Attention", "Linear"]


class Linear:
    """One projection. An inner dimension beyond the accelerator's runs in slices, which the host adds up."""

    def __init__(self, accelerator: Accelerator, values: QuantisedLinear) -> None:
        self.accelerator, self.values = accelerator, values
        width, most = values.weight.shape[1], accelerator.config.gemm_max_k
        self.slices = [slice(start, min(start + most, width)) for start in range(0, width, most)]
        self.weights = [accelerator.upload(np.ascontiguousarray(values.weight[:, part])) for part in self.slices]

    def quantise(self, x: np.ndarray) -> np.ndarray:
        """Real inputs [m, k] as int8 in this layer's units: [m, k], or [2 m, k] for a fine layer."""
        return (quantise_fine if self.values.fine else quantise)(x, self.values.input_scale)

    def real(self, x: np.ndarray) -> np.ndarray:
        """Quantised inputs -> float32 [m, n]."""
        sums = self._accumulate(x)
        if self.values.fine:
            sums = join_fine(sums - self.values.bias) + self.values.bias
        return (sums * self.values.scale).astype(np.float32)

    def narrow(self, x: np.ndarray) -> np.ndarray:
        """int8 [m, k] -> int8 [m, n] in the units of the layer that follows."""
        multiplier, shift = self.values.multiplier, self.values.shift
        if len(self.slices) == 1:
            return self.accelerator.gemm(x, self.weights[0], bias=self.values.bias, requantise=(multiplier, shift))
        return requantise(self._accumulate(x), multiplier, shift).astype(np.int8)

    def _accumulate(self, x: np.ndarray) -> np.ndarray:
        total = self.accelerator.gemm(
            np.ascontiguousarray(x[:, self.slices[0]]), self.weights[0], bias=self.values.bias
        )
        for part, weight in zip(self.slices[1:], self.weights[1:], strict=True):
            total = total + self.accelerator.gemm(np.ascontiguousarray(x[:, part]), weight)
        return total


class Attention:
    """Query, key and value projections, the attention command, and the output projection.

    Key and value share one quantised input, hence one ``input_scale``.
    """

    def __init__(self, accelerator: Accelerator, values: QuantisedAttention) -> None:
        self.accelerator, self.values = accelerator, values
        self.query, self.key, self.value, self.out = (
            Linear(accelerator, part) for part in (values.query, values.key, values.value, values.out)
        )

    def __call__(self, queries: np.ndarray, keys: np.ndarray, spans: list[tuple[slice, slice]]) -> np.ndarray:
        """Real [q, width] and [kv, width] -> real [q, width]; each span attends from its queries to its keys alone."""
        tokens = self.key.quantise(keys)
        q, k, v = self.query.narrow(self.query.quantise(queries)), self.key.narrow(tokens), self.value.narrow(tokens)
        mixed = np.empty_like(q)
        for rows, columns in spans:
            mixed[rows] = self.accelerator.attention(
                q[rows], k[columns], v[columns], self.values.heads, self.values.score, self.values.mix
            )
        return self.out.real(mixed)
