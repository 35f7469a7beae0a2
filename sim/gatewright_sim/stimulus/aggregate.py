"""Stimulus of aggregation: ``Y = requantise(W X)`` for a CSR matrix W."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gatewright.driver.accelerator import Accelerator
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.fixed import Requantise
from gatewright_sim.commands import AggregateCommand
from gatewright_sim.stimulus.base import Array, clamp, uniform_int8

__all__ = ["AggregateStimulus"]


@dataclass(frozen=True)
class AggregateStimulus:
    """A CSR matrix with int16 weights and int8 features X [cols, features]."""

    csr: CsrMatrix
    x: Array
    x_scale: float
    output_scale: float
    kernel: ClassVar[str] = "aggregate"

    @classmethod
    def random(cls, seed: int, rows: int, cols: int, degree: float, features: int) -> "AggregateStimulus":
        """A graph whose degrees follow a power law (as real ones do): empty rows and hubs, mean about ``degree``."""
        rng = np.random.default_rng(seed)
        degrees = np.minimum(rng.pareto(1.5, rows) * degree / 2, cols).astype(np.int64)
        row_ptr = np.concatenate([[0], np.cumsum(degrees)])
        col = np.minimum(rng.zipf(1.3, row_ptr[-1]) - 1, cols - 1) if row_ptr[-1] else np.zeros(0, np.int64)
        weights = 1 / np.sqrt(np.maximum(np.repeat(degrees, degrees), 1) * rng.integers(1, 100, row_ptr[-1]))
        return cls.from_graph(seed, CsrMatrix.from_float(row_ptr, col, weights, cols), features)

    @classmethod
    def from_graph(cls, seed: int, csr: CsrMatrix, features: int) -> "AggregateStimulus":
        """Uniform int8 features on a given graph; the output scale makes the largest output about full scale."""
        x = uniform_int8(np.random.default_rng(seed), csr.cols, features)
        x_scale = 1 / 127
        row_of_edge = np.repeat(np.arange(csr.n_rows), csr.degrees)
        power = np.bincount(row_of_edge, (csr.weight * csr.scale) ** 2, csr.n_rows).max(initial=1e-9)
        return cls(csr, x, x_scale, output_scale=float(4 * np.sqrt(power) * 73 * x_scale / 127))

    @property
    def command(self) -> AggregateCommand:
        requantise = Requantise.from_scale(self.csr.scale * self.x_scale / self.output_scale)
        return AggregateCommand(self.csr.row_ptr, self.csr.col, self.csr.weight, self.x, requantise)

    def shape(self) -> dict[str, Any]:
        csr = self.csr
        return {"rows": csr.n_rows, "cols": csr.cols, "nnz": csr.nnz, "features": self.x.shape[1]}

    def arrays(self) -> dict[str, Array]:
        return {"row_ptr": self.csr.row_ptr, "col": self.csr.col, "weight": self.csr.weight, "x": self.x}

    def golden(self) -> Array:
        return self.command.result()

    def torch(self) -> Array:
        import torch

        rows = np.repeat(np.arange(self.csr.n_rows), self.csr.degrees)
        matrix = torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([rows, self.csr.col.astype(np.int64)])),
            torch.from_numpy(self.csr.weight.astype(np.float32) * np.float32(self.csr.scale)),
            (self.csr.n_rows, self.csr.cols),
            check_invariants=True,
        )
        out = torch.sparse.mm(matrix, torch.from_numpy(self.x.astype(np.float32) * np.float32(self.x_scale)))
        return clamp(out.numpy(), self.output_scale)

    def run(self, accelerator: Accelerator) -> Array:
        return accelerator.aggregate(self.csr, self.x, requantise=self.command.requantise)
