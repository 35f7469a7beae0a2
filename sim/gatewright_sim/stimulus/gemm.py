"""Stimulus of GEMM: ``C = requantise(A B^T + bias)``."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gatewright.driver.accelerator import Accelerator
from gatewright.spec.commands import GEMM_PARAMS_DTYPE, GemmFlags
from gatewright.spec.fixed import Requantise
from gatewright_sim.commands import GemmCommand
from gatewright_sim.stimulus.base import Array, clamp, uniform_int8

__all__ = ["GemmStimulus"]


@dataclass(frozen=True)
class GemmStimulus:
    """A product with an int8 result, and the real value of a unit of A, of each row of B [n] and of C."""

    command: GemmCommand
    a_scale: float
    b_scale: Array
    output_scale: float
    kernel: ClassVar[str] = "gemm"

    @classmethod
    def random(cls, seed: int, m: int, n: int, k: int) -> "GemmStimulus":
        """Uniform int8 operands; the output scale puts four standard deviations at full scale."""
        rng = np.random.default_rng(seed)
        a_scale, b_scale = 1 / 127, rng.uniform(0.5, 1.5, n) / 127
        accumulator_std = np.sqrt(k) * (127**2 / 3)
        bias = np.rint(rng.normal(0, accumulator_std / 2, n)).astype(np.int32)
        output_scale = float(4 * accumulator_std * a_scale * b_scale.mean() / 127)
        params = np.zeros(n, GEMM_PARAMS_DTYPE)
        params["bias"] = bias
        for record, scale in zip(params, b_scale, strict=True):
            requantise = Requantise.from_scale(a_scale * scale / output_scale)
            record["multiplier"], record["shift"] = requantise.multiplier, requantise.shift
        command = GemmCommand(
            uniform_int8(rng, m, k), uniform_int8(rng, n, k), params, GemmFlags.PARAMS | GemmFlags.B_NARROW
        )
        return cls(command, a_scale, b_scale, output_scale)

    def shape(self) -> dict[str, Any]:
        (m, k), n = self.command.a.shape, len(self.command.b)
        return {"m": m, "n": n, "k": k}

    def arrays(self) -> dict[str, Array]:
        names = {"bias": "bias", "multipliers": "multiplier", "shifts": "shift"}
        params = {name: self.command.params[field] for name, field in names.items()}
        return {"a": self.command.a, "b": self.command.b, **params}

    def golden(self) -> Array:
        return self.command.result()

    def torch(self) -> Array:
        import torch

        a = torch.from_numpy(self.command.a).float() * self.a_scale
        b = torch.from_numpy(self.command.b).float() * torch.from_numpy(self.b_scale)[:, None].float()
        bias = torch.from_numpy(self.command.params["bias"] * self.b_scale * self.a_scale).float()
        return clamp(torch.nn.functional.linear(a, b, bias).numpy(), self.output_scale)

    def run(self, accelerator: Accelerator) -> Array:
        command, params = self.command, self.command.params
        requantise = params["multiplier"], params["shift"]
        return accelerator.gemm(command.a, command.b, bias=params["bias"], requantise=requantise)
