"""Commands and their operands laid out in a byte memory, with the memory that they must leave behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import DecodedCommand, decode, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS

__all__ = [
    "ADDRESS_SPACE",
    "Change",
    "Command",
    "Layout",
    "LayoutFull",
    "PlacedCommand",
    "beats",
    "changed",
    "exchange",
    "lines",
    "padded_rows",
    "row_ranges",
]

ADDRESS_SPACE = 1 << 32

Bytes = npt.NDArray[np.uint8]
Range = tuple[int, int]


@dataclass(frozen=True)
class PlacedCommand:
    """One command in memory.

    Attributes
    ----------
    command : its 64 bytes.
    error : what the engine must report.
    reads, writes : the address ranges, start and end, that it may read and write.
    beats : 64-bit beats that a fault-free command reads when it reads each operand once.
    bursts : in which it does, None where its engine may cut rows further than bursts end.
    """

    command: bytes
    error: ErrorCode
    reads: list[Range]
    writes: list[Range]
    beats: int
    bursts: int | None = None


class Command(Protocol):
    """One command with its operands."""

    def result(self) -> npt.NDArray[Any]:
        """What it computes, by the golden model."""

    def place(self, layout: Layout) -> PlacedCommand:
        """Put its operands into ``layout``, and its result into what must be there in the end."""


Change = Callable[[DecodedCommand], Mapping[str, int]]
"""The fields of a command that are to be exchanged, once it is placed, and what for."""


def exchange(**fields: int) -> Change:
    """These for those that it has."""
    return lambda _: fields


def changed(command: bytes, change: Change) -> bytes:
    """The command with other fields."""
    decoded = decode(command)
    return encode(decoded.spec, decoded.flags, **{**decoded.values, **change(decoded)})


class LayoutFull(ValueError):
    """An array does not fit behind what has been placed."""


class Layout:
    """A memory filled with noise that arrays are placed in, and the same memory as it must be in the end.

    Parameters
    ----------
    rng : seeded.
    size : bytes.
    times : how often the memory is seen, at every multiple of ``size``; arrays are placed in any of these, so that
        each bit of an address counts.
    config : the accelerator that the commands are for, where what they read depends on it; None: one that keeps no
        rows of X.

    Attributes
    ----------
    before, after : uint8 [size].
    """

    def __init__(
        self, rng: np.random.Generator, size: int, times: int = 1, config: AcceleratorConfig | None = None
    ) -> None:
        self.config = config
        self.rng = rng
        self.size = size
        self._times = times
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
        place = self._somewhere()
        return place + start, place + end

    def stride(self, nbytes: int) -> int:
        """That, or one that leads to the same bytes seen elsewhere."""
        return nbytes + (self._somewhere() if self._times > 1 and self.rng.random() < 0.5 else 0)

    def _somewhere(self) -> int:
        """Where the memory is seen."""
        return self.size * int(self.rng.integers(self._times)) if self._times > 1 else 0

    def expect(self, start: int, rows: Bytes, result: npt.NDArray[Any]) -> None:
        """The padded rows placed at ``start`` must hold ``result``, which may have fewer rows, in the end."""
        raw = np.ascontiguousarray(result).view(np.uint8)
        stride = rows.shape[1]
        start %= self.size
        target = self.after[start : start + stride * len(raw)].reshape(len(raw), stride)
        target[:, : raw.shape[1]] = raw


def padded_rows(rng: np.random.Generator, values: npt.NDArray[Any], stride: int | None = None) -> Bytes:
    """``values`` as rows of ``stride`` bytes, or of a random legal number of them, the padding full of noise."""
    raw = np.ascontiguousarray(values).view(np.uint8)
    if stride is None:
        stride = (beats(raw.shape[1]) + int(rng.integers(0, 3))) * BUS_BYTES
    padded = rng.integers(0, 256, (len(raw), stride), np.uint8)
    padded[:, : raw.shape[1]] = raw
    return padded


def row_ranges(start: int, rows: int, stride: int, nbytes: int) -> list[Range]:
    """Where the whole beats of so many rows lie, modulo the address space; rows that lie side by side are one range."""
    row = beats(nbytes) * BUS_BYTES
    if stride == row:
        return [(start, start + rows * row)]
    starts = sorted({(start + number * stride) % ADDRESS_SPACE for number in range(rows)})
    return [(each, each + row) for each in starts]


def lines(start: int, nbytes: int) -> int:
    """Lines of memory, hence bursts, in which ``nbytes`` at ``start`` lie."""
    size = BUS_BYTES * MAX_BURST_BEATS
    return -(-(start + nbytes) // size) - start // size if nbytes else 0


def beats(nbytes: int) -> int:
    """Beats of the bus that hold ``nbytes``."""
    return -(-nbytes // BUS_BYTES)
