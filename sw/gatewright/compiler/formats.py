"""Number formats of values on the device: an integer type and the real value of one unit, for all columns or each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.compiler.kernels import View
from gatewright.spec.vector import ElementType

__all__ = ["FULL_SCALE", "INT8", "INT16", "INT32", "UINT8", "Format", "Tensor", "element_type"]

INT8, INT16, INT32, UINT8 = (np.dtype(name) for name in ("int8", "int16", "int32", "uint8"))

FULL_SCALE = {INT8: 127, INT16: 127 * 256}
"""What the largest calibrated magnitude becomes. That of int16 lets its upper byte, rounded, be an int8."""

Scale = npt.NDArray[np.float64]


def element_type(dtype: np.dtype[Any]) -> ElementType:
    """The vector engine's name of a numpy type."""
    return next(kind for kind in ElementType if kind.dtype == dtype)


@dataclass(frozen=True, eq=False)
class Format:
    """Integers of ``dtype`` times ``scale``, float64 [] or [columns]."""

    dtype: np.dtype[Any]
    scale: Scale

    @classmethod
    def of(cls, dtype: npt.DTypeLike, largest: npt.ArrayLike) -> Format:
        """The format in which ``largest`` (magnitudes, [] or [columns]) becomes full scale; 1 where that is zero."""
        kind = np.dtype(dtype)
        magnitude = np.asarray(largest, np.float64)
        return cls(kind, np.where(magnitude > 0, magnitude, 1.0) / FULL_SCALE[kind])

    @property
    def uniform(self) -> bool:
        """Whether all columns share one scale."""
        return self.scale.ndim == 0

    def same(self, other: Format) -> bool:
        """Whether integers mean the same in both."""
        return self.dtype == other.dtype and np.array_equal(self.scale, other.scale)

    def quantise(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[Any]:
        """The nearest integers, saturated symmetrically."""
        top = np.iinfo(self.dtype).max
        return np.clip(np.rint(values / self.scale), -top, top).astype(self.dtype)


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

    def on(self, view: View, shape: tuple[int | str, ...] | None = None) -> Tensor:
        """The same numbers seen through another view."""
        return Tensor(view, self.shape if shape is None else shape, self.format, self.bound)
