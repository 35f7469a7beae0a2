"""Number formats of values on the device: an integer type and the real values of one unit and of zero."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.compiler.fabric.kernels import View

__all__ = ["FULL_SCALE", "INT8", "INT16", "INT32", "UINT8", "Format", "Tensor", "integer_format"]

INT8, INT16, INT32, UINT8 = (np.dtype(name) for name in ("int8", "int16", "int32", "uint8"))

FULL_SCALE = {INT8: 127, INT16: 127 * 256}
"""What the largest calibrated magnitude becomes. That of int16 lets its upper byte, rounded, be an int8."""

Scale = npt.NDArray[np.float64]


_STORED: dict[str, tuple[np.dtype[Any], int]] = {
    "int8": (INT8, 0),
    "uint8": (INT8, 128),
    "bool": (INT8, 0),
    "int16": (INT16, 0),
    "uint16": (INT16, 1 << 15),
}


def integer_format(dtype: npt.DTypeLike) -> tuple[Format, int]:
    """How a model's integers lie on the device: a unit of 1, less an offset; those of more than 16 bits as int32."""
    kind, offset = _STORED.get(np.dtype(dtype).name, (INT32, 0))
    return Format(kind, np.asarray(1.0)), offset


@dataclass(frozen=True, eq=False)
class Format:
    """Integers of ``dtype`` times ``scale``, plus ``offset``: float64 [] or [columns].

    Only operands of linear layers have an offset, which goes into the layer's bias; what the vector engine or a GEMM
    computes can be written with one.
    """

    dtype: np.dtype[Any]
    scale: Scale
    offset: Scale = field(default_factory=lambda: np.zeros(()))

    @classmethod
    def of(cls, dtype: npt.DTypeLike, largest: npt.ArrayLike) -> Format:
        """The format in which ``largest`` (magnitudes, [] or [columns]) becomes full scale; 1 where that is zero."""
        kind = np.dtype(dtype)
        magnitude = np.asarray(largest, np.float64)
        return cls(kind, np.where(magnitude > 0, magnitude, 1.0) / FULL_SCALE[kind])

    @classmethod
    def of_integers(cls, largest: npt.ArrayLike) -> Format:
        """int16 in the finest steps that are a power of two and reach ``largest`` (magnitudes, [] or [columns]): exact
        for integers of 16 bits."""
        steps = np.maximum(np.asarray(largest, np.float64), 1.0) / np.iinfo(INT16).max
        return cls(INT16, 2.0 ** np.ceil(np.log2(steps)))

    @property
    def uniform(self) -> bool:
        """Whether all columns share one scale, and 0 stands for zero."""
        return self.scale.ndim == 0 and not self.offset.any()

    @property
    def zero_point(self) -> int | None:
        """The integer that stands for zero, whether or not ``dtype`` holds it, if it is one for all columns."""
        points = -np.rint(self.offset / self.scale)
        exact = np.array_equal(-points * self.scale, np.broadcast_to(self.offset, points.shape))
        return int(points.flat[0]) if exact and not np.ptp(points) else None

    def same(self, other: Format) -> bool:
        """Whether integers mean the same in both."""
        return (
            self.dtype == other.dtype
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.offset, other.offset)
        )

    def quantise(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[Any]:
        """The nearest integers, saturated symmetrically."""
        top = np.iinfo(self.dtype).max
        integers: npt.NDArray[Any] = np.clip(np.rint((values - self.offset) / self.scale), -top, top)
        return integers.astype(self.dtype)


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value on the device.

    Attributes
    ----------
    view : its elements; the last dimension makes the columns, all others the rows.
    shape : as the model sees it; names stand for dynamic sizes.
    format : of its elements.
    bound : no element is larger in magnitude.
    """

    view: View
    shape: tuple[int | str, ...]
    format: Format
    bound: float

    def called(self, shape: tuple[int | str, ...]) -> Tensor:
        """The same memory for a value of another shape."""
        return Tensor(self.view, shape, self.format, self.bound)

    def on(self, view: View, shape: tuple[int | str, ...] | None = None) -> Tensor:
        """The same numbers seen through another view."""
        return Tensor(view, self.shape if shape is None else shape, self.format, self.bound)
