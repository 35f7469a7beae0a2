"""What a command reads and writes: each operand as rows of bytes, a stride apart. Addresses wrap at 2**32: rows, and
bytes of a row, that reach the top of the address space go on at 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from gatewright.spec.commands import AttentionFlags, DecodedCommand, GemmFlags, Opcode, VectorFlags
from gatewright.spec.vector import RECORD_BYTES, TABLE_BYTES, Combine, ElementType, Function

__all__ = ["Operand", "operands"]

_POINTER_BYTES, _INDEX_BYTES, _WEIGHT_BYTES = 4, 4, 2
"""Of a CSR matrix: an entry of its row pointers, a column index, an edge's weight."""


class Operand(NamedTuple):
    """A matrix in memory; a vector is one row.

    Attributes
    ----------
    field : name of the command's field that holds the address.
    address : of the first byte.
    rows, row_bytes : its size. Of what an aggregation gathers (X), all rows that it may name.
    stride : bytes from one row to the next; 0 repeats the first.
    written : whether the command writes it, instead of reading it.
    """

    field: str
    address: int
    rows: int
    row_bytes: int
    stride: int = 0
    written: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self.rows * self.row_bytes

    @property
    def end(self) -> int:
        """One past the last byte's address. The bus reads whole beats, to the next multiple of 8."""
        return self.address + max(self.rows - 1, 0) * self.stride + (self.row_bytes if self.rows else 0)


def operands(command: DecodedCommand) -> tuple[Operand, ...]:
    """What a command that the hardware accepts (:func:`gatewright.spec.commands.check`) touches besides itself.

    An operand that its flags leave unused is not among them.
    """
    return tuple(_OPERANDS[command.spec.opcode](command))


def _matrix(command: DecodedCommand, name: str, rows: int, row_bytes: int, *, written: bool = False) -> Operand:
    address, stride = command[f"{name}_addr"], command[f"{name}_stride"]
    return Operand(f"{name}_addr", address, rows, row_bytes, stride, written)


def _vector(command: DecodedCommand, name: str, nbytes: int) -> Operand:
    return Operand(f"{name}_addr", command[f"{name}_addr"], 1, nbytes)


def _gemm(command: DecodedCommand) -> Iterator[Operand]:
    m, n, k = command["m"], command["n"], command["k"]
    yield _matrix(command, "a", m, k)
    yield _matrix(command, "b", *((k, n) if command.flags & GemmFlags.B_KN else (n, k)))
    if command.flags & GemmFlags.PARAMS:
        yield _vector(command, "params", RECORD_BYTES * n)
    size = 4 if command.flags & GemmFlags.OUT_INT32 else 2 if command.flags & GemmFlags.OUT_INT16 else 1
    if command.flags & GemmFlags.EPILOGUE:
        size = ElementType(command["c_type"]).nbytes
        yield _vector(command, "out", RECORD_BYTES * (n if command.flags & GemmFlags.PER_COLUMN else 1))
        if command["function"] == Function.TABLE:
            yield _vector(command, "table", TABLE_BYTES)
        if command["combine"] != Combine.ALONE:
            yield Operand("d_addr", command["d_addr"], m, size * n, command["c_stride"])
    yield _matrix(command, "c", m, size * n, written=True)


def _attention(command: DecodedCommand) -> Iterator[Operand]:
    queries, keys = command["seq_q"], command["seq_kv"]
    width = command["heads"] * command["head_dim"]
    yield _matrix(command, "q", queries, width)
    yield _matrix(command, "k", keys, width)
    yield _matrix(command, "v", keys, width)
    if command.flags & AttentionFlags.KEY_MASK:
        yield _vector(command, "mask", -(-keys // 8))
    size = 2 if command.flags & AttentionFlags.OUT_INT16 else 1
    yield _matrix(command, "o", queries, size * width, written=True)


def _aggregate(command: DecodedCommand) -> Iterator[Operand]:
    yield _vector(command, "row_ptr", _POINTER_BYTES * (command["rows"] + 1))
    yield _vector(command, "col", _INDEX_BYTES * command["nnz"])
    yield _vector(command, "weight", _WEIGHT_BYTES * command["nnz"])
    yield _matrix(command, "x", command["cols"], command["features"])
    yield _matrix(command, "y", command["rows"], command["features"], written=True)


def _vector_command(command: DecodedCommand) -> Iterator[Operand]:
    rows, cols = command["rows"], command["cols"]

    def operand(name: str, columns: int, *, written: bool = False) -> Operand:
        repeated = not written and command[f"{name}_stride"] == 0  # read once
        size = ElementType(command[f"{name}_type"]).nbytes
        return _matrix(command, name, 1 if repeated else rows, size * columns, written=written)

    yield operand("a", cols)
    if command["combine"] != Combine.ALONE:
        yield operand("b", 1 if command.flags & VectorFlags.B_COLUMN else cols)
    yield _vector(command, "params", RECORD_BYTES * (cols if command.flags & VectorFlags.PER_COLUMN else 1))
    if command["function"] == Function.TABLE:
        yield _vector(command, "table", TABLE_BYTES)
    yield operand("y", cols, written=True)


_OPERANDS: dict[Opcode, Callable[[DecodedCommand], Iterator[Operand]]] = {
    Opcode.GEMM: _gemm,
    Opcode.ATTENTION: _attention,
    Opcode.AGGREGATE: _aggregate,
    Opcode.VECTOR: _vector_command,
}
