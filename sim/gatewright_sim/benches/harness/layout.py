"""Commands and their operands laid out in a byte memory, with the memory that they must leave behind."""

from dataclasses import dataclass

import numpy as np

from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES

__all__ = ["Layout", "PlacedCase", "padded_rows"]


@dataclass
class PlacedCase:
    """One command in memory.

    Attributes
    ----------
    command : its 64 bytes.
    error : what the engine must report.
    reads : the address ranges, start and end, that it may read.
    beats : 64-bit beats that a fault-free command reads, whole.
    """

    command: bytes
    error: ErrorCode
    reads: list[tuple[int, int]]
    beats: int


class Layout:
    """A memory filled with noise that arrays are placed in, and the same memory as it must be in the end."""

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self.rng = rng
        self.size = size
        self.before = rng.integers(0, 256, size, np.uint8)
        self.after = self.before.copy()
        self._next = 0

    def put(self, values: np.ndarray) -> tuple[int, int]:
        """Place an array after a random gap, at a multiple of 8; returns its start and its end."""
        raw = np.frombuffer(values.tobytes(), np.uint8)
        start = self._next + BUS_BYTES * int(self.rng.integers(0, 20))
        self._next = start + -(-len(raw) // BUS_BYTES) * BUS_BYTES
        if self._next > self.size:
            raise ValueError(f"the memory of {self.size} bytes is full")
        self.before[start : start + len(raw)] = raw
        self.after[start : start + len(raw)] = raw
        return start, self._next


def padded_rows(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """``values`` as rows of bytes with a random legal stride, the padding full of noise."""
    raw = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
    stride = -(-raw.shape[1] // BUS_BYTES) * BUS_BYTES + BUS_BYTES * int(rng.integers(0, 3))
    padded = rng.integers(0, 256, (len(raw), stride), np.uint8)
    padded[:, : raw.shape[1]] = raw
    return padded
