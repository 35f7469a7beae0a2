"""How far the aggregation engine comes in its matrix: to the end, to a fault, or to what the bus does not deliver."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import DecodedCommand, Opcode
from gatewright.spec.errors import ErrorCode
from gatewright_sim.golden.operands import Operands
from gatewright_sim.memory import SimulatedMemory

__all__ = ["IntArray", "Walk", "reached", "walk", "walked"]

IntArray: TypeAlias = "npt.NDArray[np.integer[Any]]"  # quoted: numpy 1.21 cannot subscript its types

_OF_AN_EDGE: dict[str, np.dtype[Any]] = {"col": np.dtype(np.uint32), "weight": np.dtype(np.int16)}
"""Arrays with an element for each edge."""


class Walk(NamedTuple):
    """How far the engine comes in a CSR matrix.

    Attributes
    ----------
    fault : the error that it reports, NONE at the matrix' end; None where the next element is not known.
    rows : those that it has written by then.
    edges : those whose features it has read, all of these rows' and the next one's sound ones.
    """

    fault: ErrorCode | None
    rows: int
    edges: int


def walk(row_ptr: IntArray, col: IntArray, rows: int, cols: int, nnz: int) -> Walk:
    """The engine's way through a matrix of ``rows`` rows, of whose arrays the first elements are known.

    It looks at the matrix in the order of its rows: a row's end pointer first (not falling, at most ``nnz``; the first
    pointer must be 0), then the column of each of its edges (below ``cols``). It stops at the first fault.
    """
    pointers = np.asarray(row_ptr)
    if not len(pointers):
        return Walk(None, 0, 0)
    if pointers[0] != 0:
        return Walk(ErrorCode.BAD_ROW_POINTER, 0, 0)
    bad = (pointers[1:] < pointers[:-1]) | (pointers[1:] > nnz)
    sound = int(np.argmax(bad)) if bad.any() else len(bad)
    edges = int(pointers[sound])
    wild = np.asarray(col[:edges]) >= cols
    end = int(np.argmax(wild)) if wild.any() else len(wild)
    if end < edges:
        row = int(np.searchsorted(pointers[: sound + 1], end, side="right")) - 1
        return Walk(ErrorCode.BAD_INDEX if wild.any() else None, row, end)
    if bad.any():
        return Walk(ErrorCode.BAD_ROW_POINTER, sound, edges)
    return Walk(ErrorCode.NONE if sound == rows else None, sound, edges)


def walked(command: DecodedCommand, operands: Operands) -> tuple[Walk, IntArray, IntArray]:
    """An aggregation's way through its matrix, up to a fault or to an element that the bus does not deliver, which is
    noted; and the row pointers and the columns that it does. What lies behind the way's end may have been read ahead.
    """
    row_ptr = operands.readable("row_ptr", command["rows"] + 1, np.uint32)
    col, weight = (operands.readable(name, command["nnz"], dtype) for name, dtype in _OF_AN_EDGE.items())
    way = walk(row_ptr, col[: len(weight)], command["rows"], command["cols"], command["nnz"])
    if way.fault is None and way.rows == len(row_ptr[1:]):
        operands.vector("row_ptr", 1, np.uint32, len(row_ptr))
    elif way.fault is None:
        for name, known in (("col", col), ("weight", weight)):
            if len(known) == way.edges:
                operands.vector(name, 1, _OF_AN_EDGE[name], way.edges)
    return way, row_ptr, col


def reached(command: DecodedCommand, memory: SimulatedMemory) -> DecodedCommand:
    """The part of a valid command that its engine comes to for sure: an aggregation ends at the first fault of its
    matrix, and how it goes on behind an element that the bus does not deliver is open."""
    if command.spec.opcode is not Opcode.AGGREGATE:
        return command
    way, _, _ = walked(command, Operands(command, memory))
    return replace(command, values={**command.values, "rows": max(way.rows, 1), "nnz": way.edges})
