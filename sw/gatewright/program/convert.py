"""Values of the host to bytes of the device and back, by a :class:`Placement`.

With a scale, stored = saturate(round_half_even(x / scale) + zero_point) and x = (stored - zero_point) * scale, computed
in float32 unless the host's type is float64, as ONNX's QuantizeLinear and DequantizeLinear; of integers of more than 16
bits what a Cast to float32 makes of them is divided in float64. Without a scale, integers are stored as they are.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.program.compiled import BIT, Placement, shape_at
from gatewright.program.errors import InputError
from gatewright.program.ranges import extremes, in_range, truth

__all__ = ["Converter", "EmptyMask", "Saturation", "empty_mask", "outputs_digest"]

Array = npt.NDArray[Any]

_MARGIN = 2.0**-20
"""How much nearer to zero than the ends of a format's range, in relation, no rounding of float32 leads beyond them."""


@dataclass(frozen=True)
class Saturation:
    """Elements of a value that its format does not hold; each became the nearest that it does.

    Attributes
    ----------
    name : of the value in the model.
    count, elements : how many, and of how many; what pads the value to its bucket counts.
    low, high : the range that the format holds, in the value's units; of a scale per column, the narrowest one's.
    """

    name: str
    count: int
    elements: int
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{self.count:,} of {self.elements:,} elements of {self.name!r} are outside "
            f"{self.low:.4g}..{self.high:.4g}, the calibrated range, and were saturated"
        )


@dataclass(frozen=True)
class EmptyMask:
    """Sequences of which a mask leaves nothing: attention to them, and their mean, are zeros.

    Attributes
    ----------
    name : of the mask in the model.
    count, sequences : how many, and of how many.
    """

    name: str
    count: int
    sequences: int

    def __str__(self) -> str:
        return (
            f"the mask {self.name!r} leaves nothing of {self.count:,} of {self.sequences:,} sequences: "
            "attention to them, and their mean, are zeros"
        )


def empty_mask(placement: Placement, array: Array) -> EmptyMask | None:
    """What a mask, as the caller gives it, leaves nothing of; None for other values."""
    if placement.element != BIT or not array.size:
        return None
    kept = (array.reshape(-1, array.shape[-1]) != 0) ^ bool(placement.zero_point)
    count = len(kept) - int(np.count_nonzero(np.logical_or.reduce(kept, -1)))
    return EmptyMask(placement.name, count, len(kept)) if count else None


class Converter:
    """Writes and reads the value of one placement. What does not change from call to call is computed once.

    Parameters
    ----------
    placement : of the value; ``memory`` is the same piece in each call, but its array may be another one.
    """

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self._bits = placement.element == BIT
        self._kind: np.dtype[Any] = np.dtype("u1" if self._bits else placement.element).newbyteorder("<")
        self._shape = placement.rows, placement.row_bytes if self._bits else placement.cols
        self._strides = placement.stride, self._kind.itemsize
        limits = np.iinfo(self._kind)
        self._low, self._high = int(limits.min), int(limits.max)
        if placement.scale:
            self._scales = {work: _scales(placement, work) for work in (np.float32, np.float64)}
            zero, widths = placement.zero_point, (min(placement.scale), max(placement.scale))
            low = max((self._low - zero) * width for width in widths)
            high = min((self._high - zero) * width for width in widths)
            self._inside = low + abs(low) * _MARGIN, high - abs(high) * _MARGIN

    def encode(self, array: Array, memory: npt.NDArray[np.uint8]) -> Saturation | None:
        """Write a value to ``memory``; what a dynamic size leaves free is filled. Says what saturated.

        Raises :class:`InputError` naming the value where elements are outside the range that the placement allows.
        """
        placement = self.placement
        flat = array.reshape(1, -1) if placement.rows == 1 else array.reshape(-1, placement.cols)
        view = self._view(memory)
        if self._bits:
            view[:] = self._packed(flat)
            return None
        rows, cols = flat.shape
        view[:rows, :cols], beyond = self._stored(flat)
        if rows < placement.rows:
            view[rows:] = self._rest
        if cols < placement.cols:
            view[:rows, cols:] = self._rest[cols:]
        return Saturation(placement.name, beyond, flat.size, *self._range) if beyond else None

    def decode(self, memory: npt.NDArray[np.uint8], sizes: Mapping[str, int]) -> Array:
        """Read a value, cut to the dynamic ``sizes``: a new array of the host's type."""
        placement = self.placement
        shape = shape_at(placement.shape, sizes)
        view, count = self._view(memory), math.prod(shape)
        kind: np.dtype[Any] = np.dtype(placement.dtype)
        if self._bits:
            view = np.unpackbits(view, axis=1, count=placement.cols, bitorder="little") ^ np.uint8(placement.zero_point)
        part = view[:, :count] if placement.rows == 1 else view[: count // placement.cols]
        if not placement.scale:
            return part.reshape(shape).astype(kind)
        work = np.float64 if kind == np.float64 else np.float32
        offset = part.astype(np.int64) - placement.zero_point if placement.zero_point else part
        real: Array = offset.astype(work) * self._scale(work, part)
        return real.reshape(shape).astype(kind, copy=False)

    def _view(self, memory: npt.NDArray[np.uint8]) -> Array:
        """The placement's matrix in memory; of bits, its bytes."""
        return np.ndarray(self._shape, self._kind, memory, self.placement.offset, self._strides)

    def _scale(self, work: Any, matrix: Array) -> Array:
        scale = self._scales[work]
        return scale[: matrix.shape[-1]] if scale.ndim else scale

    @property
    def _range(self) -> tuple[float, float]:
        """The real values that every column holds."""
        narrowest, zero = min(self.placement.scale), self.placement.zero_point
        return (self._low - zero) * narrowest, (self._high - zero) * narrowest

    @cached_property
    def _rest(self) -> Array:
        """A row of what fills up, stored, [cols]."""
        row = np.full((1, self.placement.cols), self.placement.fill)
        stored: Array = self._stored(row)[0].astype(self._kind)[0]
        return stored

    def _packed(self, flat: Array) -> npt.NDArray[np.uint8]:
        """A mask [rows, cols] as the bytes of the whole placement."""
        placement = self.placement
        rows, cols = flat.shape
        bits = np.zeros((placement.rows, 8 * self._shape[1]), bool)
        bits[:, : placement.cols] = placement.fill != 0
        bits[:rows, :cols] = truth(placement.name, flat)
        bits[:, : placement.cols] ^= bool(placement.zero_point)
        return np.packbits(bits, axis=1, bitorder="little")

    def _stored(self, matrix: Array) -> tuple[Array, int]:
        """A matrix [rows, cols] of host values as integers that the element holds, of whatever type, and how many of
        them saturated."""
        return self._quantised(matrix) if self.placement.scale else (self._integers(matrix), 0)

    def _quantised(self, matrix: Array) -> tuple[Array, int]:
        wide = matrix.dtype.kind in "iu" and matrix.dtype.itemsize > 2
        matrix = matrix.astype(np.float32).astype(np.float64) if wide else matrix
        work = np.float64 if matrix.dtype == np.float64 else np.float32
        real, scale, zero = matrix.astype(work, copy=False), self._scale(work, matrix), self.placement.zero_point
        if self._holds(real):
            units = np.rint(real / scale)
            return units.astype(np.float64) + zero if zero else units, 0
        with np.errstate(over="ignore"):  # saturates
            units = np.rint(real / scale).astype(np.float64)
        units += zero
        stored = np.clip(units, self._low, self._high)
        return stored.astype(self._kind), int(np.count_nonzero(stored != units))

    def _holds(self, matrix: Array) -> bool:
        """Whether it is plain that nothing saturates, as it mostly is; never where an element is no number."""
        if not matrix.size:
            return True
        (low, high), (least, most) = self._inside, extremes(matrix)
        return bool(low <= least and most <= high)

    def _integers(self, matrix: Array) -> Array:
        placement = self.placement
        name, limit = placement.name, placement.limit
        if matrix.dtype.kind == "f" and not np.array_equal(np.rint(matrix), matrix):
            raise InputError(f"input {name!r} holds {matrix[np.rint(matrix) != matrix][0]}, allowed: integers")
        if limit:
            if in_range(name, matrix, -limit, limit - 1) < 0:
                matrix = np.where(matrix < 0, matrix + limit, matrix)
            if limit - 1 <= self._high:
                return matrix
        in_range(name, matrix, self._low, self._high)
        return matrix


def _scales(placement: Placement, work: Any) -> Array:
    """One per column, or without dimensions, which costs less to divide by, where all have the same."""
    scale: Array = np.asarray(placement.scale, work)
    return scale if len(scale) > 1 else scale[0, ...]


def outputs_digest(outputs: Mapping[str, Array]) -> str:
    """SHA-256 of a call's outputs, names, types and shapes included: equal where two backends agree bit for bit."""
    digest = hashlib.sha256()
    for name, array in outputs.items():
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
