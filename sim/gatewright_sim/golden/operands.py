"""A command's operands and its result in memory, by blocks; a bus error stops neither reading nor writing, as it does
not stop an engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import DecodedCommand
from gatewright.spec.errors import ErrorCode
from gatewright_sim.memory import BusFault, SimulatedMemory

__all__ = ["Operand", "Operands", "blocks"]

Array = npt.NDArray[Any]


def blocks(count: int, most: int) -> Iterator[slice]:
    """``range(count)`` in pieces of ``most``, or of one where that is less."""
    step = max(most, 1)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


class Operands:
    """Reads what ``command`` works on, writes what it gives, and notes how the bus answered."""

    def __init__(self, command: DecodedCommand, memory: SimulatedMemory) -> None:
        self.command = command
        self.memory = memory
        self._errors: set[ErrorCode] = set()

    @property
    def error(self) -> ErrorCode:
        """What went wrong so far: of several errors a read's before a write's before the engine's own, SLVERR before
        DECERR, which is the order of their codes."""
        return min(self._errors, default=ErrorCode.NONE)

    def refuse(self, code: ErrorCode) -> None:
        """The engine's own error, or NONE."""
        self._errors |= {code} - {ErrorCode.NONE}

    def note(self, fault: BusFault, slverr: ErrorCode, decerr: ErrorCode) -> None:
        """An access failed."""
        self._errors |= {code for failed, code in ((fault.slverr, slverr), (fault.decerr, decerr)) if failed}

    def matrix(self, name: str, rows: int, columns: int, dtype: npt.DTypeLike = np.int8) -> Operand:
        """The operand called ``name`` as [rows, columns]."""
        return Operand(self, self.command[f"{name}_addr"], self.command[f"{name}_stride"], rows, columns, dtype)

    def vector(self, name: str, count: int, dtype: npt.DTypeLike, start: int = 0) -> Array:
        """``count`` elements, from ``start`` on, of the operand called ``name``, which lies without gaps."""
        if not count:
            return np.zeros(0, dtype)
        at = self.command[f"{name}_addr"] + start * np.dtype(dtype).itemsize
        return Operand(self, at, 0, 1, count, dtype)[:1][0]

    def readable(self, name: str, count: int, dtype: npt.DTypeLike) -> Array:
        """Those of the first ``count`` elements of the operand called ``name`` that lie before the first beat that the
        bus does not deliver."""
        size = np.dtype(dtype).itemsize
        return self.vector(name, self.memory.readable(self.command[f"{name}_addr"], count * size) // size, dtype)

    def write(self, name: str, row: int, column: int, result: Array) -> None:
        """Put a block of the result called ``name`` where its first element belongs, at [row, column]."""
        raw = np.ascontiguousarray(result).view(np.uint8).reshape(len(result), -1)
        stride = self.command[f"{name}_stride"]
        try:
            at = self.command[f"{name}_addr"] + row * stride + column * result.itemsize
            self.memory.write_rows(at, raw, stride)
        except BusFault as fault:
            self.note(fault, ErrorCode.WRITE_SLVERR, ErrorCode.WRITE_DECERR)


class Operand:
    """A matrix [rows, columns] in memory, which indexing reads: ``[rows]`` and ``[rows, columns]`` take slices,
    ``[index]`` takes row numbers. What the bus does not deliver is zero."""

    def __init__(
        self, operands: Operands, address: int, stride: int, rows: int, columns: int, dtype: npt.DTypeLike
    ) -> None:
        self._operands = operands
        self._address = address
        self._stride = stride
        self._dtype = np.dtype(dtype)
        self.shape = (rows, columns)

    def __getitem__(self, index: slice | tuple[slice, slice] | npt.NDArray[np.integer[Any]]) -> Array:
        memory, (rows, columns), size = self._operands.memory, self.shape, self._dtype.itemsize
        try:
            if isinstance(index, np.ndarray):
                shape = len(index), columns
                return memory.read_gather(self._address, index, columns * size, self._stride).view(self._dtype)
            down, across = index if isinstance(index, tuple) else (index, slice(None))
            top, bottom, _ = down.indices(rows)
            left, right, _ = across.indices(columns)
            shape = bottom - top, right - left
            at = self._address + top * self._stride + left * size
            return _typed(memory.read_rows(at, shape[0], shape[1] * size, self._stride), self._dtype)
        except BusFault as fault:
            self._operands.note(fault, ErrorCode.READ_SLVERR, ErrorCode.READ_DECERR)
            return np.broadcast_to(np.zeros((), self._dtype), shape)


def _typed(raw: npt.NDArray[np.uint8], dtype: np.dtype[Any]) -> Array:
    """Rows of bytes as rows of elements."""
    return (raw if _VIEWS_ROWS or raw.flags.c_contiguous else raw.copy()).view(dtype)


_VIEWS_ROWS = np.lib.NumpyVersion(np.__version__) >= "1.23.0"
"""Whether numpy views rows with gaps between them as larger elements, without a copy."""
