"""Stimulus of GEMM: ``C = requantise(A B^T + bias)``."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewright.driver.accelerator import Accelerator
from gatewright.spec.fixed import Requantise
from gatewright_sim.golden.gemm import gemm
from gatewright_sim.stimulus.base import clamp, uniform_int8

__all__ = ["GemmStimulus"]


@dataclass(frozen=True)
class GemmStimulus:
    """int8 A [m, k] and B [n, k] with one scale per column of C, int32 bias [n]."""

    a: np.ndarray
    b: np.ndarray
    bias: np.ndarray
    a_scale: float
    b_scale: np.ndarray
    output_scale: float
    kernel: str = "gemm"

    @classmethod
    def random(cls, seed: int, m: int, n: int, k: int) -> "GemmStimulus":
        """Uniform int8 operands; the output scale puts four standard deviations at full scale."""
        rng = np.random.default_rng(seed)
        a_scale, b_scale = 1 / 127, rng.uniform(0.5, 1.5, n) / 127
        accumulator_std = np.sqrt(k) * (127**2 / 3)
        bias = np.rint(rng.normal(0, accumulator_std / 2, n)).astype(np.int32)
        output_scale = float(4 * accumulator_std * a_scale * b_scale.mean() / 127)
        return cls(uniform_int8(rng, m, k), uniform_int8(rng, n, k), bias, a_scale, b_scale, output_scale)

    def shape(self) -> dict[str, Any]:
        return {"m": self.a.shape[0], "n": self.b.shape[0], "k": self.a.shape[1]}

    def arrays(self) -> dict[str, np.ndarray]:
        multipliers, shifts = self._requantise()
        return {"a": self.a, "b": self.b, "bias": self.bias, "multipliers": multipliers, "shifts": shifts}

    def _requantise(self) -> tuple[np.ndarray, np.ndarray]:
        columns = [Requantise.from_scale(self.a_scale * scale / self.output_scale) for scale in self.b_scale]
        return (
            np.array([column.multiplier for column in columns], np.uint16),
            np.array([column.shift for column in columns], np.uint8),
        )

    def golden(self) -> np.ndarray:
        return gemm(self.a, self.b, self.bias, *self._requantise())

    def torch(self) -> np.ndarray:
        import torch

        a = torch.from_numpy(self.a).float() * self.a_scale
        b = torch.from_numpy(self.b).float() * torch.from_numpy(self.b_scale)[:, None].float()
        bias = torch.from_numpy(self.bias * self.b_scale * self.a_scale).float()
        return clamp(torch.nn.functional.linear(a, b, bias).numpy(), self.output_scale)

    def run(self, accelerator: Accelerator) -> np.ndarray:
        return accelerator.gemm(self.a, self.b, bias=self.bias, requantise=self._requantise())
