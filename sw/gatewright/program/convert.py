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
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.program.compiled import BIT, Placement, Value, shape_at
from gatewright.program.errors import InputError

__all__ = ["EmptyMask", "Saturation", "accept", "bind", "decode", "empty_mask", "encode", "outputs_digest", "pad"]

Array = npt.NDArray[Any]


# ---- inputs as the caller gives them


def accept(value: Value, given: npt.ArrayLike) -> Array:
    """An input as an array of the value's type. Raises :class:`InputError` where it is none, or is not finite.

    Taken are integers for integers and floats, floats for floats, as long as they fit, and 0 and 1 for truth values.
    """
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise InputError(f"input {value.name!r} is no array: {error}") from None
    wanted: np.dtype[Any] = np.dtype(value.dtype)
    kinds = {"b": "biuf", "i": "biu", "u": "biu", "f": "biuf"}[wanted.kind]
    if array.dtype.kind not in kinds:
        raise InputError(f"input {value.name!r} is {array.dtype}, allowed: {wanted}")
    if len(array.shape) != len(value.shape):
        raise InputError(
            f"input {value.name!r} has shape {array.shape}, allowed: {len(value.shape)} dimensions, {_text(value)}"
        )
    if wanted.kind == "b":
        return _truth(value.name, array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"input {value.name!r} holds {array[~np.isfinite(array)][0]}, allowed: finite numbers")
    if wanted.kind in "iu" and not np.can_cast(array.dtype, wanted):
        limits = np.iinfo(wanted)
        _in_range(value.name, array, int(limits.min), int(limits.max))
    with np.errstate(over="ignore"):
        converted = array.astype(wanted, copy=False)
    if wanted.kind == "f" and not np.isfinite(converted).all():
        raise InputError(f"input {value.name!r} holds {array[~np.isfinite(converted)][0]}, too large for {wanted}")
    return converted


def bind(value: Value, array: Array, sizes: dict[str, int]) -> None:
    """Note in ``sizes`` what the array says of named dimensions.

    Raises :class:`InputError` where it says something else than is noted, or where a fixed dimension differs.
    """
    for wanted, found in zip(value.shape, array.shape, strict=True):
        if found != (sizes.setdefault(wanted, found) if isinstance(wanted, str) else wanted):
            known = f", and {wanted} is {sizes[wanted]} in an input before it" if isinstance(wanted, str) else ""
            raise InputError(f"input {value.name!r} has shape {array.shape}, allowed: {_text(value)}{known}")


def pad(value: Value, array: Array, sizes: dict[str, int]) -> Array:
    """The array, grown at the ends of its dimensions to ``sizes`` with ``value.fill``."""
    full = shape_at(value.shape, sizes)
    if full == array.shape:
        return array
    grown = np.full(full, value.fill, array.dtype)
    grown[tuple(map(slice, array.shape))] = array
    return grown


def _text(value: Value) -> str:
    return f"[{', '.join(map(str, value.shape))}]"


def _in_range(name: str, array: Array, low: int, high: int) -> None:
    if array.size and (array.min() < low or array.max() > high):
        raise InputError(f"input {name!r} spans {array.min()}..{array.max()}, allowed {low}..{high}")


def _truth(name: str, array: Array) -> npt.NDArray[np.bool_]:
    bits: npt.NDArray[np.bool_] = np.asarray(array != 0)
    if not np.array_equal(bits, array):
        raise InputError(f"input {name!r} holds {array[bits != array][0]}, allowed: 0 and 1")
    return bits


# ---- memory


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
    count = int(np.count_nonzero(~kept.any(-1)))
    return EmptyMask(placement.name, count, len(kept)) if count else None


def encode(placement: Placement, array: Array, memory: npt.NDArray[np.uint8]) -> Saturation | None:
    """Write a value to the allocation's bytes; what a dynamic size leaves free is filled. Says what saturated.

    Raises :class:`InputError` naming the value where elements are outside the range that the placement allows.
    """
    flat = array.reshape(1, -1) if placement.rows == 1 else array.reshape(-1, placement.cols)
    rest = np.full(placement.cols, placement.fill)
    view = _view(placement, memory)
    rows, cols = flat.shape
    if placement.element == BIT:
        bits = np.zeros((placement.rows, 8 * view.shape[1]), bool)
        bits[:, : placement.cols] = rest != 0
        bits[:rows, :cols] = _truth(placement.name, flat)
        bits[:, : placement.cols] ^= bool(placement.zero_point)
        view[:] = np.packbits(bits, axis=1, bitorder="little")
        return None
    view[:rows, :cols], beyond = _stored(placement, flat)
    if rows < placement.rows or cols < placement.cols:
        fill = _stored(placement, rest.reshape(1, -1))[0][0]
        view[rows:], view[:rows, cols:] = fill, fill[cols:]
    return Saturation(placement.name, beyond, flat.size, *_range(placement)) if beyond else None


def decode(placement: Placement, memory: npt.NDArray[np.uint8], sizes: dict[str, int]) -> Array:
    """Read a value, cut to the dynamic ``sizes``: a new array of the host's type."""
    shape = shape_at(placement.shape, sizes)
    view, count = _view(placement, memory), math.prod(shape)
    kind: np.dtype[Any] = np.dtype(placement.dtype)
    if placement.element == BIT:
        view = np.unpackbits(view, axis=1, count=placement.cols, bitorder="little") ^ np.uint8(placement.zero_point)
    part = view[:, :count] if placement.rows == 1 else view[: count // placement.cols]
    if not placement.scale:
        return part.reshape(shape).astype(kind)
    work = np.float64 if kind == np.float64 else np.float32
    scale = _scale(placement, part, work)
    offset = part.astype(np.int64) - placement.zero_point if placement.zero_point else part
    real: Array = offset.astype(work) * scale
    return real.reshape(shape).astype(kind, copy=False)


def outputs_digest(outputs: Mapping[str, Array]) -> str:
    """SHA-256 of a call's outputs, names, types and shapes included: equal where two backends agree bit for bit."""
    digest = hashlib.sha256()
    for name, array in outputs.items():
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _view(placement: Placement, memory: npt.NDArray[np.uint8]) -> Array:
    """The placement's matrix in memory; of bits, its bytes."""
    bits = placement.element == BIT
    kind: np.dtype[Any] = np.dtype("u1" if bits else placement.element).newbyteorder("<")
    cols = placement.row_bytes if bits else placement.cols
    strides = (placement.stride, kind.itemsize)
    return np.ndarray((placement.rows, cols), kind, memory.data, placement.offset, strides)


def _scale(placement: Placement, matrix: Array, work: Any) -> Array:
    scale: Array = np.asarray(placement.scale, work)
    return scale[: matrix.shape[-1]] if len(scale) > 1 else scale


def _range(placement: Placement) -> tuple[float, float]:
    """The real values that every column holds."""
    limits, narrowest = np.iinfo(placement.element), min(placement.scale)
    return (int(limits.min) - placement.zero_point) * narrowest, (int(limits.max) - placement.zero_point) * narrowest


def _stored(placement: Placement, matrix: Array) -> tuple[Array, int]:
    """A matrix [rows, cols] of host values as stored integers, and how many of them saturated."""
    limits = np.iinfo(placement.element)
    if placement.scale:
        wide = matrix.dtype.kind in "iu" and matrix.dtype.itemsize > 2
        matrix = matrix.astype(np.float32).astype(np.float64) if wide else matrix
        work = np.float64 if matrix.dtype == np.float64 else np.float32
        with np.errstate(over="ignore"):  # saturates
            units = np.rint(matrix.astype(work, copy=False) / _scale(placement, matrix, work)).astype(np.float64)
        units += placement.zero_point
        stored: Array = np.clip(units, limits.min, limits.max)
        return stored.astype(placement.element), int(np.count_nonzero(stored != units))
    if matrix.dtype.kind == "f" and not np.array_equal(np.rint(matrix), matrix):
        raise InputError(f"input {placement.name!r} holds {matrix[np.rint(matrix) != matrix][0]}, allowed: integers")
    if placement.limit:
        _in_range(placement.name, matrix, -placement.limit, placement.limit - 1)
        matrix = np.where(matrix < 0, matrix + placement.limit, matrix)
    _in_range(placement.name, matrix, int(limits.min), int(limits.max))
    return matrix.astype(placement.element), 0
