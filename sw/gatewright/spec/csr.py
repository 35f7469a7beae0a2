"""Compressed sparse rows (CSR) with fixed-point edge weights: what an AGGREGATE command takes from memory.

Edge e of row i, for ``row_ptr[i] <= e < row_ptr[i + 1]``, says that row i receives ``weight[e] * scale * X[col[e]]``.
Weights are int16; ``scale`` is a factor that the requantiser absorbs, so that the largest weight can always use the
full 16 bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.errors import SpecError
from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS

__all__ = ["FEATURE_MAX_ABS", "WEIGHT_BITS", "WEIGHT_MAX", "CsrMatrix"]

WEIGHT_BITS = 16
WEIGHT_MAX = (1 << (WEIGHT_BITS - 1)) - 1
"""The magnitude that the largest real weight is mapped to."""

FEATURE_MAX_ABS = 128
"""Largest magnitude of an int8 feature."""

_ACCUMULATOR_MAX = (1 << (AGGREGATE_ACCUMULATOR_BITS - 1)) - 1

U32 = npt.NDArray[np.uint32]
I16 = npt.NDArray[np.int16]


def _vector(
    name: str, values: npt.ArrayLike, dtype: type[np.unsignedinteger[Any]] | type[np.signedinteger[Any]]
) -> Any:
    """A read-only copy of ``values`` in an integer ``dtype``; :class:`SpecError` names the first that does not fit."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise SpecError(f"{name} has {array.ndim} dimensions, allowed: 1")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise SpecError(f"{name} has dtype {array.dtype}, allowed: integers")
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    outside = (array < low) | (array > high)
    if outside.any():
        at = int(np.argmax(outside))
        raise SpecError(f"{name}[{at}] is {array[at]}, allowed {low}..{high}")
    array = np.array(array, dtype)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class CsrMatrix:
    """A sparse matrix [rows, cols], immutable and valid by construction.

    Parameters
    ----------
    row_ptr : u32 [rows + 1], from 0, never decreasing, ending at the number of edges.
    col : u32 [nnz], each below ``cols``; a row may name a column twice (both edges count).
    weight : int16 [nnz].
    cols : number of columns, 1..2**32 - 1.
    scale : real value of weight 1, finite and above 0.

    Raises :class:`SpecError` naming the row or the edge at fault; also when a row's weights are so large that int8
    features could overflow the accumulator of ``AGGREGATE_ACCUMULATOR_BITS``.
    """

    row_ptr: U32
    col: U32
    weight: I16
    cols: int
    scale: float = 1.0

    def __post_init__(self) -> None:
        row_ptr, col = _vector("row_ptr", self.row_ptr, np.uint32), _vector("col", self.col, np.uint32)
        weight = _vector("weight", self.weight, np.int16)
        for name, value in (("row_ptr", row_ptr), ("col", col), ("weight", weight)):
            object.__setattr__(self, name, value)
        if not 1 <= self.cols < 1 << 32:
            raise SpecError(f"cols is {self.cols}, allowed 1..{(1 << 32) - 1}")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise SpecError(f"scale is {self.scale}, allowed: finite and above 0")
        if row_ptr.size < 2:
            raise SpecError(f"row_ptr has {row_ptr.size} entries, allowed: at least 2 (one row)")
        if row_ptr[0] != 0:
            raise SpecError(f"row_ptr[0] is {row_ptr[0]}, allowed: 0")
        falls = row_ptr[1:] < row_ptr[:-1]
        if falls.any():
            row = int(np.argmax(falls))
            raise SpecError(f"row {row}: row_ptr falls from {row_ptr[row]} to {row_ptr[row + 1]}, it may not decrease")
        if not row_ptr[-1] == col.size == weight.size:
            raise SpecError(
                f"row_ptr ends at {row_ptr[-1]}, col has {col.size} edges and weight {weight.size}: must be equal"
            )
        wild = col >= self.cols
        if wild.any():
            edge = int(np.argmax(wild))
            raise SpecError(f"edge {edge} (row {self.row_of(edge)}): column {col[edge]}, allowed 0..{self.cols - 1}")
        sums = self.abs_row_sums()
        if int(sums.max()) * FEATURE_MAX_ABS > _ACCUMULATOR_MAX:
            row = int(np.argmax(sums))
            raise SpecError(
                f"row {row}: its weights' magnitudes sum to {sums[row]}, allowed at most "
                f"{_ACCUMULATOR_MAX // FEATURE_MAX_ABS} (the accumulator has {AGGREGATE_ACCUMULATOR_BITS} bits)"
            )

    @classmethod
    def from_float(cls, row_ptr: npt.ArrayLike, col: npt.ArrayLike, weights: npt.ArrayLike, cols: int) -> CsrMatrix:
        """Quantise real ``weights`` [nnz]: the largest magnitude becomes :data:`WEIGHT_MAX`, the rest rounds to nearest
        (ties to even), so that no weight is off by more than ``scale`` / 2.

        Raises :class:`SpecError` for a weight that is not finite.
        """
        real = np.asarray(weights, np.float64)
        if not np.isfinite(real).all():
            edge = int(np.argmin(np.isfinite(real)))
            raise SpecError(f"edge {edge}: weight {real.flat[edge]}, allowed: finite values")
        peak = float(np.abs(real).max(initial=0.0))
        scale = peak / WEIGHT_MAX or 1.0  # all weights zero (or denormal): any scale will do
        integers = np.clip(np.rint(real / scale), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int64)
        return cls(np.asarray(row_ptr), np.asarray(col), integers, cols, scale)

    @classmethod
    def from_coo(
        cls, row: npt.ArrayLike, col: npt.ArrayLike, weights: npt.ArrayLike, rows: int, cols: int
    ) -> CsrMatrix:
        """From a list of edges (row, column, real weight) in any order; a row's edges keep their order.

        Raises :class:`SpecError` when the lists differ in length or an index is outside 0..rows - 1 or 0..cols - 1.
        """
        row_index, col_index, real = np.asarray(row), np.asarray(col), np.asarray(weights, np.float64)
        if not row_index.shape == col_index.shape == real.shape or row_index.ndim != 1:
            raise SpecError(
                f"row, col and weights have shapes {row_index.shape}, {col_index.shape} and {real.shape}, "
                "allowed: one shape [nnz]"
            )
        if row_index.size and not np.issubdtype(row_index.dtype, np.integer):
            raise SpecError(f"row has dtype {row_index.dtype}, allowed: integers")
        outside = (row_index < 0) | (row_index >= rows)
        if outside.any():
            edge = int(np.argmax(outside))
            raise SpecError(f"edge {edge}: row {row_index[edge]}, allowed 0..{rows - 1}")
        row_index = row_index.astype(np.int64)
        order = np.argsort(row_index, kind="stable")
        row_ptr = np.concatenate([[0], np.cumsum(np.bincount(row_index, minlength=rows))])
        return cls.from_float(row_ptr, col_index[order], real[order], cols)

    @classmethod
    def from_dense(cls, matrix: npt.ArrayLike) -> CsrMatrix:
        """From a dense real matrix [rows, cols]; zeros are not stored."""
        dense = np.asarray(matrix, np.float64)
        if dense.ndim != 2:
            raise SpecError(f"matrix has {dense.ndim} dimensions, allowed: 2")
        row, col = np.nonzero(dense)
        return cls.from_coo(row, col, dense[row, col], *dense.shape)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.row_ptr.size) - 1

    @property
    def nnz(self) -> int:
        """Number of edges."""
        return int(self.col.size)

    @property
    def degrees(self) -> npt.NDArray[np.int64]:
        """Edges of each row, int64 [rows]."""
        return np.diff(self.row_ptr.astype(np.int64))

    @property
    def max_abs_row_sum(self) -> int:
        """Largest sum of weight magnitudes of a row; times :data:`FEATURE_MAX_ABS` it bounds every accumulator."""
        return int(self.abs_row_sums().max())

    def abs_row_sums(self) -> npt.NDArray[np.int64]:
        """Sum of weight magnitudes of each row, int64 [rows]."""
        total = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.abs(self.weight.astype(np.int64)))])
        sums: npt.NDArray[np.int64] = total[self.row_ptr[1:]] - total[self.row_ptr[:-1]]
        return sums

    def row_of(self, edge: int) -> int:
        """The row that an edge belongs to."""
        return int(np.searchsorted(self.row_ptr, edge, side="right")) - 1

    def rows(self, selection: npt.ArrayLike) -> CsrMatrix:
        """The matrix of the rows in ``selection`` (at least one, any order, repeats allowed); same columns and scale.

        Raises :class:`SpecError` naming a row outside 0..n_rows - 1.
        """
        chosen = np.atleast_1d(np.asarray(selection))
        if chosen.ndim != 1 or not np.issubdtype(chosen.dtype, np.integer):
            raise SpecError(f"selection has shape {chosen.shape} and dtype {chosen.dtype}, allowed: integers [n]")
        outside = (chosen < 0) | (chosen >= self.n_rows)
        if outside.any():
            at = int(np.argmax(outside))
            raise SpecError(f"selection[{at}] is row {chosen[at]}, allowed 0..{self.n_rows - 1}")
        lengths = self.degrees[chosen]
        row_ptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        shift = np.repeat(self.row_ptr[chosen].astype(np.int64) - row_ptr[:-1], lengths)
        edges = np.arange(row_ptr[-1]) + shift
        return CsrMatrix(row_ptr, self.col[edges], self.weight[edges], self.cols, self.scale)

    def to_dense(self) -> npt.NDArray[np.float64]:
        """The real matrix that the integers stand for, float64 [rows, cols]; repeated edges add up."""
        dense = np.zeros((self.n_rows, self.cols))
        np.add.at(dense, (np.repeat(np.arange(self.n_rows), self.degrees), self.col), self.weight * self.scale)
        return dense
