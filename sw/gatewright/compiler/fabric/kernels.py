"""Kernels: accelerator commands whose operands are still buffers without addresses, and whose sizes may be dynamic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import CommandSpec, Opcode
from gatewright.spec.memory import ALIGNMENT

__all__ = ["OUTPUT_FIELD", "Buffer", "Dim", "Kernel", "Size", "View", "most"]

OUTPUT_FIELD = {
    Opcode.GEMM: "c_addr",
    Opcode.ATTENTION: "o_addr",
    Opcode.AGGREGATE: "y_addr",
    Opcode.VECTOR: "y_addr",
}
"""The operand that a command writes."""


@dataclass(frozen=True)
class Dim:
    """A dynamic size: that of dimension ``name`` plus ``addend``, at most ``most``."""

    name: str
    most: int
    addend: int = 0

    def __add__(self, amount: int) -> Dim:
        return Dim(self.name, self.most + amount, self.addend + amount)


Size = int | Dim


def most(size: Size) -> int:
    """The largest value of a size."""
    return size.most if isinstance(size, Dim) else size


@dataclass(eq=False)
class Buffer:
    """A piece of device memory of ``nbytes``.

    Attributes
    ----------
    role : "constant", "input", "output" or "workspace".
    data : bytes of a constant, uint8 [nbytes].
    """

    name: str
    nbytes: int
    role: str = "workspace"
    data: npt.NDArray[np.uint8] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class View:
    """A matrix inside a buffer: ``rows`` x ``cols`` elements of ``dtype`` from byte ``offset`` on.

    ``stride`` is the distance of rows in bytes, a multiple of 8, or 0 where one row stands for all.
    """

    buffer: Buffer
    rows: Size
    cols: int
    dtype: np.dtype[Any]
    stride: int
    offset: int = 0

    @classmethod
    def new(cls, name: str, rows: Size, cols: int, dtype: npt.DTypeLike, role: str = "workspace") -> View:
        """A buffer of its own, with rows padded to the bus's alignment."""
        kind = np.dtype(dtype)
        stride = -(-cols * kind.itemsize // ALIGNMENT) * ALIGNMENT
        return cls(Buffer(name, max(most(rows) * stride, ALIGNMENT), role), rows, cols, kind, stride)

    @classmethod
    def constant(cls, name: str, values: npt.NDArray[Any]) -> View:
        """A constant matrix, or a vector as one row."""
        matrix = values.reshape(1, -1) if values.ndim < 2 else values
        view = cls.new(name, matrix.shape[0], matrix.shape[1], matrix.dtype, "constant")
        data = np.zeros((matrix.shape[0], view.stride), np.uint8)
        raw = np.ascontiguousarray(matrix).view(np.uint8).reshape(matrix.shape[0], -1)
        data[:, : raw.shape[1]] = raw
        view.buffer.data = data.reshape(-1)
        return view

    @property
    def packed(self) -> bool:
        """Whether rows follow each other without padding."""
        return self.stride == self.cols * self.dtype.itemsize

    def part(self, row: int, rows: Size, col: int = 0, cols: int | None = None) -> View:
        """A submatrix; its first column must lie at a multiple of 8 bytes."""
        offset = self.offset + row * self.stride + col * self.dtype.itemsize
        assert offset % ALIGNMENT == 0, "a view starts at a multiple of 8 bytes"
        return View(self.buffer, rows, self.cols - col if cols is None else cols, self.dtype, self.stride, offset)

    def shaped(self, rows: Size, cols: int) -> View | None:
        """The same elements as another matrix, or None where the padding between rows is in the way."""
        if rows == self.rows and cols == self.cols:
            return self
        if isinstance(rows, Dim) or isinstance(self.rows, Dim):
            return None
        row_bytes = cols * self.dtype.itemsize
        if (self.packed or self.rows == 1) and (row_bytes % ALIGNMENT == 0 or rows == 1):
            stride = row_bytes if row_bytes % ALIGNMENT == 0 else self.stride
            return View(self.buffer, rows, cols, self.dtype, stride, self.offset)
        return None

    def repeated(self, rows: Size) -> View:
        """Its first row, ``rows`` times."""
        return View(self.buffer, rows, self.cols, self.dtype, 0, self.offset)


@dataclass(frozen=True, eq=False)
class Kernel:
    """One command to be.

    Attributes
    ----------
    views : operand by the name of its ADDRESS field.
    values : every other field.
    node, operator : of the model, for reports and errors.
    joined : node and operator of what it does besides, if anything.
    """

    spec: CommandSpec
    flags: int
    views: Mapping[str, View]
    values: Mapping[str, Size]
    node: str = ""
    operator: str = ""
    joined: tuple[str, str] | None = None

    @property
    def output(self) -> Buffer:
        """What it writes."""
        return self.views[OUTPUT_FIELD[self.spec.opcode]].buffer

    @property
    def inputs(self) -> list[Buffer]:
        """What it reads."""
        written = OUTPUT_FIELD[self.spec.opcode]
        return [view.buffer for name, view in self.views.items() if name != written]
