"""Stimulus of attention: ``softmax(Q K^T / sqrt(d) + mask) V`` for several heads."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewright.driver.accelerator import Accelerator
from gatewright.spec.fixed import Requantise
from gatewright.spec.softmax import score_requantise
from gatewright_sim.golden.attention import attention
from gatewright_sim.stimulus.base import clamp, uniform_int8

__all__ = ["AttentionStimulus"]


@dataclass(frozen=True)
class AttentionStimulus:
    """int8 Q [seq_q, heads * d], K and V [seq_kv, heads * d]; ``key_mask`` is bool [seq_kv] or None."""

    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    heads: int
    causal: bool
    key_mask: np.ndarray | None
    qk_scale: float
    v_scale: float
    kernel: str = "attention"

    @classmethod
    def random(
        cls, seed: int, seq_q: int, seq_kv: int, heads: int, head_dim: int, causal: bool = False, padding: int = 0
    ) -> "AttentionStimulus":
        """Uniform int8 operands, scaled so that scores deviate by about two; the last ``padding`` keys masked."""
        rng = np.random.default_rng(seed)
        width = heads * head_dim
        mask = np.arange(seq_kv) < seq_kv - padding if padding else None
        q, k, v = (uniform_int8(rng, rows, width) for rows in (seq_q, seq_kv, seq_kv))
        return cls(q, k, v, heads, causal, mask, qk_scale=0.02, v_scale=1 / 127)

    @property
    def output_scale(self) -> float:
        return self.v_scale

    @property
    def _head_dim(self) -> int:
        return self.q.shape[1] // self.heads

    @property
    def _score(self) -> Requantise:
        return score_requantise(self.qk_scale, self.qk_scale, self._head_dim)

    @property
    def _out(self) -> Requantise:
        return Requantise.from_scale(self.v_scale / self.output_scale)

    def shape(self) -> dict[str, Any]:
        return {
            "seq_q": self.q.shape[0],
            "seq_kv": self.k.shape[0],
            "heads": self.heads,
            "head_dim": self._head_dim,
            "causal": self.causal,
            "masked_keys": 0 if self.key_mask is None else int((~self.key_mask).sum()),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        arrays = {"q": self.q, "k": self.k, "v": self.v}
        return arrays if self.key_mask is None else {**arrays, "key_mask": self.key_mask}

    def golden(self) -> np.ndarray:
        return attention(self.q, self.k, self.v, self.heads, self._score, self._out, self.causal, self.key_mask)

    def torch(self) -> np.ndarray:
        import torch

        def split(x: np.ndarray, scale: float) -> torch.Tensor:
            return torch.from_numpy(x).float().mul(scale).unflatten(1, (self.heads, -1)).transpose(0, 1)

        queries, keys = self.q.shape[0], self.k.shape[0]
        allowed = torch.ones(queries, keys, dtype=torch.bool)
        if self.causal:
            allowed = allowed.tril(keys - queries)
        if self.key_mask is not None:
            allowed = allowed & torch.from_numpy(self.key_mask)
        out = torch.nn.functional.scaled_dot_product_attention(
            split(self.q, self.qk_scale), split(self.k, self.qk_scale), split(self.v, self.v_scale), attn_mask=allowed
        )
        return clamp(out.transpose(0, 1).flatten(1).numpy(), self.output_scale)

    def run(self, accelerator: Accelerator) -> np.ndarray:
        return accelerator.attention(
            self.q, self.k, self.v, self.heads, self._score, self._out, self.causal, self.key_mask
        )
