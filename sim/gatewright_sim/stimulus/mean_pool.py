"""Stimulus of mean pooling: an attention whose query is zero, so that each key it may attend to weighs the same."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gatewright.driver.accelerator import Accelerator
from gatewright.spec.commands import AttentionFlags
from gatewright.spec.fixed import Requantise
from gatewright_sim.commands import AttentionCommand
from gatewright_sim.stimulus.attention import run_attention
from gatewright_sim.stimulus.base import Array, clamp, uniform_int8

__all__ = ["MeanPoolStimulus"]

_FINE = 256
"""Units of the int16 result in one of x."""


@dataclass(frozen=True)
class MeanPoolStimulus:
    """int8 x [rows, heads * d]; the rows that count (bool [rows], at least one)."""

    x: Array
    heads: int
    mask: Array
    x_scale: float
    kernel: ClassVar[str] = "mean-pool"

    @classmethod
    def random(cls, seed: int, rows: int, cols: int, padding: int = 0) -> "MeanPoolStimulus":
        """Uniform int8 rows, the last ``padding`` of them left out; cols is a multiple of 8."""
        rng = np.random.default_rng(seed)
        heads = next(heads for heads in range(1, cols + 1) if cols % heads == 0 and cols // heads <= 32)
        return cls(uniform_int8(rng, rows, cols), heads, np.arange(rows) < rows - padding, 1 / 127)

    @property
    def output_scale(self) -> float:
        return self.x_scale / _FINE

    @property
    def command(self) -> AttentionCommand:
        query, flat, fine = np.zeros((1, self.x.shape[1]), np.int8), Requantise(0, 0), Requantise.from_scale(_FINE)
        flags = AttentionFlags.KEY_MASK | AttentionFlags.OUT_INT16
        return AttentionCommand(query, self.x, self.x, self.heads, self.mask, flat, fine, flags)

    def shape(self) -> dict[str, Any]:
        rows, cols = self.x.shape
        return {"function": self.kernel, "rows": rows, "cols": cols, "masked_rows": int((~self.mask).sum())}

    def arrays(self) -> dict[str, Array]:
        return {"x": self.x, "mask": self.mask}

    def golden(self) -> Array:
        return self.command.result()

    def torch(self) -> Array:
        import torch

        mean = torch.from_numpy(self.x[self.mask] * self.x_scale).mean(0, keepdim=True)
        return clamp(mean.numpy(), self.output_scale, np.int16)

    def run(self, accelerator: Accelerator) -> Array:
        return run_attention(accelerator, self.command)
