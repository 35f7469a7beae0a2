"""The sizes of a text encoder, and the least that it takes on an accelerator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatewright.spec.commands import GEMM_PARAMS_DTYPE
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import MemoryModel
from gatewright.spec.vector import TABLE_BYTES

__all__ = ["Encoder"]

_RECORD_BYTES = np.dtype(GEMM_PARAMS_DTYPE).itemsize


@dataclass(frozen=True)
class Encoder:
    """A BERT with masked mean pooling.

    Parameters
    ----------
    layers, width, inner : how many, the columns between them, and those inside of the feed-forward part.
    """

    layers: int
    width: int
    inner: int

    @classmethod
    def of(cls, folder: Path) -> Encoder:
        """As ``config.json`` of a model in Hugging Face's layout says."""
        found = json.loads((folder / "config.json").read_text())
        return cls(found["num_hidden_layers"], found["hidden_size"], found["intermediate_size"])

    def macs(self, tokens: int) -> int:
        """Multiply-accumulates of a text, each once, however many int8 products a layer takes for one."""
        return self.layers * (tokens * self._weights + 2 * tokens**2 * self.width)

    def read_bytes(self, tokens: int) -> int:
        """int8 weights, a record per column of a linear layer or layer norm, and the function table of each GELU: once.

        Of an embedding only the rows that are looked up: a word and a position a token, and both types of token.
        """
        columns = 4 * self.width + self.inner + self.width + 2 * self.width
        layer = self._weights + columns * _RECORD_BYTES + TABLE_BYTES
        return self.layers * layer + self.width * _RECORD_BYTES + (2 * tokens + 2) * self.width

    def roofline(self, tokens: int, config: AcceleratorConfig, memory: MemoryModel) -> tuple[int, int]:
        """Least cycles to compute at the peak rate, and to read at the rate of all ports or of the DRAM."""
        compute = -(-self.macs(tokens) // config.macs_per_cycle)
        return compute, memory.min_cycles(self.read_bytes(tokens), 0, config.read_ports)

    @property
    def _weights(self) -> int:
        """Of a layer: query, key, value and output, and the two of the feed-forward part."""
        return 4 * self.width**2 + 2 * self.width * self.inner
