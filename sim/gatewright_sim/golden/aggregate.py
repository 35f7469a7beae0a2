"""Bit-exact model of the AGGREGATE command: ``Y[i] = requantise(sum_e weight[e] * X[col[e]])``, e the edges of row i.

Formats: row_ptr u32 [rows + 1], col u32 [nnz], weight int16 [nnz], X int8 [cols, features], Y int8 [rows, features];
40-bit accumulators that wrap, as the hardware's do (a :class:`gatewright.spec.csr.CsrMatrix` never gets there).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from gatewright.spec.errors import ErrorCode, SpecError
from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS, Requantise
from gatewright_sim.golden.matrix_walk import IntArray, walk

__all__ = ["accumulate", "aggregate", "first_fault", "wrap"]


_BLOCK = 1 << 19
"""Products held at a time: 2 MiB of int32, about a second-level cache."""


def first_fault(row_ptr: IntArray, col: IntArray, cols: int, nnz: int) -> tuple[ErrorCode, int]:
    """The error that the engine reports for a whole CSR matrix, or NONE, and the number of rows it has written by
    then."""
    way = walk(row_ptr, col, len(row_ptr) - 1, cols, nnz)
    assert way.fault is not None, "a column is missing"
    return way.fault, way.rows


class Features(Protocol):
    """int8 [cols, features] whose rows are taken by their numbers: an array, or an operand in memory."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: IntArray, /) -> npt.NDArray[np.int8]: ...


def wrap(sums: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sums as an accumulator of 40 bits keeps them."""
    half = 1 << (AGGREGATE_ACCUMULATOR_BITS - 1)
    return (sums + half & 2 * half - 1) - half


def accumulate(row_ptr: IntArray, col: IntArray, weight: IntArray, x: Features) -> npt.NDArray[np.int64]:
    """The accumulators before requantisation: int64 [rows, features] in the signed 40-bit range.

    Raises :class:`SpecError` for a matrix that the engine would refuse.
    """
    cols, features = x.shape
    fault, row = first_fault(row_ptr, col, cols, min(len(col), len(weight)))
    if fault is not ErrorCode.NONE:
        raise SpecError(f"row {row}: {fault.name}, allowed: rising row pointers up to nnz, columns in 0..{cols - 1}")
    pointers = np.asarray(row_ptr, np.int64)
    acc = np.zeros((len(pointers) - 1, features), np.int64)
    filled = np.flatnonzero(np.diff(pointers))  # np.add.reduceat has no notion of an empty segment
    starts = pointers[filled]
    block = max(_BLOCK // features, 1)
    for begin in range(0, int(pointers[-1]), block):
        end = min(begin + block, int(pointers[-1]))
        products = x[col[begin:end]] * np.asarray(weight[begin:end], np.int32)[:, None]  # below 2**23
        low = int(np.searchsorted(starts, begin, side="right")) - 1  # the row that edge ``begin`` belongs to
        high = int(np.searchsorted(starts, end, side="left"))
        cuts = np.maximum(starts[low:high] - begin, 0)
        acc[filled[low:high]] += np.add.reduceat(products, cuts, axis=0, dtype=np.int64)
    return wrap(acc)


def aggregate(
    row_ptr: IntArray, col: IntArray, weight: IntArray, x: npt.NDArray[np.int8], requantise: Requantise
) -> npt.NDArray[np.int8]:
    """Aggregate features over a CSR matrix: int8 [rows, features].

    Parameters
    ----------
    row_ptr, col, weight : the matrix, u32 [rows + 1], u32 [nnz], int16 [nnz].
    x : features, int8 [cols, features].
    requantise : from accumulator to output units: ``CsrMatrix.scale * x_scale / y_scale`` as multiplier and shift.

    Raises :class:`SpecError` for a matrix that the engine would refuse.
    """
    return requantise.compute(accumulate(row_ptr, col, weight, x)).astype(np.int8)
