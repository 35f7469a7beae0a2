"""Stimulus of attention: ``softmax(Q K^T / sqrt(d) + mask) V`` for several heads."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gatewright.driver.accelerator import Accelerator
from gatewright.spec.commands import AttentionFlags
from gatewright.spec.fixed import Requantise
from gatewright.spec.softmax import score_requantise
from gatewright_sim.commands import AttentionCommand
from gatewright_sim.stimulus.base import Array, clamp, uniform_int8

__all__ = ["AttentionStimulus", "run_attention"]


def run_attention(accelerator: Accelerator, command: AttentionCommand) -> Array:
    """The command as the driver's kernel."""
    return accelerator.attention(
        command.q,
        command.k,
        command.v,
        command.heads,
        command.score,
        command.out,
        bool(command.flags & AttentionFlags.CAUSAL),
        command.mask if command.flags & AttentionFlags.KEY_MASK else None,
        np.int16 if command.flags & AttentionFlags.OUT_INT16 else np.int8,
    )


@dataclass(frozen=True)
class AttentionStimulus:
    """A command with an int8 result, and the real value of a unit of Q and K, and of V and O."""

    command: AttentionCommand
    qk_scale: float
    output_scale: float
    kernel: ClassVar[str] = "attention"

    @classmethod
    def random(
        cls, seed: int, seq_q: int, seq_kv: int, heads: int, head_dim: int, causal: bool = False, padding: int = 0
    ) -> "AttentionStimulus":
        """Uniform int8 operands, scaled so that scores deviate by about two; the last ``padding`` keys masked."""
        rng = np.random.default_rng(seed)
        q, k, v = (uniform_int8(rng, rows, heads * head_dim) for rows in (seq_q, seq_kv, seq_kv))
        qk_scale = 0.02
        flags = AttentionFlags.CAUSAL if causal else AttentionFlags(0)
        command = AttentionCommand(
            q,
            k,
            v,
            heads,
            np.arange(seq_kv) < seq_kv - padding,
            score_requantise(qk_scale, qk_scale, head_dim),
            Requantise.from_scale(1.0),
            flags | AttentionFlags.KEY_MASK if padding else flags,
        )
        return cls(command, qk_scale, output_scale=1 / 127)

    def shape(self) -> dict[str, Any]:
        command = self.command
        return {
            "seq_q": len(command.q),
            "seq_kv": len(command.k),
            "heads": command.heads,
            "head_dim": command.q.shape[1] // command.heads,
            "causal": bool(command.flags & AttentionFlags.CAUSAL),
            "masked_keys": int((~command.mask).sum()),
        }

    def arrays(self) -> dict[str, Array]:
        command = self.command
        mask = {"key_mask": command.mask} if command.flags & AttentionFlags.KEY_MASK else {}
        return {"q": command.q, "k": command.k, "v": command.v, **mask}

    def golden(self) -> Array:
        return self.command.result()

    def torch(self) -> Array:
        import torch

        command = self.command

        def split(x: Array, scale: float) -> torch.Tensor:
            return torch.from_numpy(x).float().mul(scale).unflatten(1, (command.heads, -1)).transpose(0, 1)

        allowed = torch.from_numpy(command.mask).expand(len(command.q), -1)
        if command.flags & AttentionFlags.CAUSAL:
            allowed = allowed.tril(len(command.k) - len(command.q))
        q, k, v = split(command.q, self.qk_scale), split(command.k, self.qk_scale), split(command.v, self.output_scale)
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return clamp(out.transpose(0, 1).flatten(1).numpy(), self.output_scale)

    def run(self, accelerator: Accelerator) -> Array:
        return run_attention(accelerator, self.command)
