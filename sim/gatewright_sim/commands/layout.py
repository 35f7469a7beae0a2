"""Commands and their operands laid out in a byte memory, with the memory that they must leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS

__all__ = ["Command", "Layout", "LayoutFull", "PlacedCommand", "beats", "lines", "padded_rows"]

Bytes = npt.NDArray[np.uint8]
Range = tuple[int, int]


@dataclass(frozen=True)
class PlacedCommand:
    """One command in memory.

    Attributes
    ----------
    command : its 64 bytes.
    error : what the engine must report.
    reads : the address ranges, start and end, that it may read.
    beats : 64-bit beats that a fault-free command reads when it reads each operand once.
    bursts : in which it does, None where its engine may cut rows further than bursts end.
    """

    command: bytes
    error: ErrorCode
    reads: list[Range]
    beats: int
    bursts: int | None = None


class Command(Protocol):
    """One command with its operands."""

    def result(self) -> npt.NDArray[Any]:
        """What it computes, by the golden model."""

    def place(self, layout: Layout) -> PlacedCommand:
        """Put its operands into ``layout``, and its result into what must be there in the end."""


class LayoutFull(ValueError):
    """An array does not fit behind what has been placed."""


class Layout:
    """A memory filled with noise that arrays are placed in, and the same memory as it must be in the end.

    Attributes
    ----------
    before, after : uint8 [size].
    """

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self.rng = rng
        self.size = size
        self.before = rng.integers(0, 256, size, np.uint8)
        self.after = self.before.copy()
        self._next = 0

    def put(self, values: npt.NDArray[Any], alignment: int = BUS_BYTES) -> Range:
        """Place an array after a random gap, at a multiple of ``alignment``; returns its start and its end.

        Raises :class:`LayoutFull`.
        """
        raw = np.frombuffer(values.tobytes(), np.uint8)
        start = -(-(self._next + BUS_BYTES * int(self.rng.integers(0, 20))) // alignment) * alignment
        end = start + beats(len(raw)) * BUS_BYTES
        if end > self.size:
            raise LayoutFull(f"{len(raw):,} bytes at {start:,} do not fit a memory of {self.size:,}")
        self._next = end
        self.before[start : start + len(raw)] = raw
        self.after[start : start + len(raw)] = raw
        return start, end

    def expect(self, start: int, rows: Bytes, result: npt.NDArray[Any]) -> None:
        """The padded rows placed at ``start`` must hold ``result``, which may have fewer rows, in the end."""
        raw = np.ascontiguousarray(result).view(np.uint8)
        stride = rows.shape[1]
        target = self.after[start : start + stride * len(raw)].reshape(len(raw), stride)
        target[:, : raw.shape[1]] = raw


def padded_rows(rng: np.random.Generator, values: npt.NDArray[Any]) -> Bytes:
    """``values`` as rows of bytes with a random legal stride, the padding full of noise."""
    raw = np.ascontiguousarray(values).view(np.uint8)
    stride = (beats(raw.shape[1]) + int(rng.integers(0, 3))) * BUS_BYTES
    padded = rng.integers(0, 256, (len(raw), stride), np.uint8)
    padded[:, : raw.shape[1]] = raw
    return padded


def lines(start: int, nbytes: int) -> int:
    """Lines of memory, hence bursts, in which ``nbytes`` at ``start`` lie."""
    size = BUS_BYTES * MAX_BURST_BEATS
    return -(-(start + nbytes) // size) - start // size if nbytes else 0


def beats(nbytes: int) -> int:
    """Beats of the bus that hold ``nbytes``."""
    return -(-nbytes // BUS_BYTES)
