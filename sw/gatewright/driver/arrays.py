"""Arrays in device memory."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DeviceMemory
from gatewright.driver.errors import DriverError
from gatewright.spec.memory import ALIGNMENT

__all__ = ["DeviceArray", "row_stride"]


def row_stride(columns: int, dtype: npt.DTypeLike) -> int:
    """Bytes from one row to the next: ``columns`` elements, padded to the bus's alignment."""
    return -(-columns * np.dtype(dtype).itemsize // ALIGNMENT) * ALIGNMENT


def _layout(shape: tuple[int, ...], dtype: npt.DTypeLike) -> tuple[int, int]:
    """Row stride and size in bytes; a vector is one row."""
    stride = row_stride(shape[-1], dtype)
    return stride, max(stride * (shape[0] if len(shape) == 2 else 1), ALIGNMENT)


class DeviceArray:
    """A vector or a matrix in device memory; rows start at multiples of 8 bytes.

    Made by :meth:`Accelerator.upload`. A context manager that frees the memory at its end.

    Attributes
    ----------
    shape, dtype : as of the numpy array that it holds.
    address : byte address of the first element, a multiple of 64.
    stride : bytes from one row to the next.
    owner : the backend that the memory is of.
    """

    def __init__(
        self,
        allocate: Callable[[int], DeviceMemory],
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
        owner: object = None,
    ) -> None:
        if len(shape) not in (1, 2) or 0 in shape:
            raise DriverError(f"array of shape {shape}: allowed one or two dimensions, none of them 0")
        self.owner = owner
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.stride, self.nbytes = _layout(shape, dtype)
        self._memory: DeviceMemory | None = allocate(self.nbytes)
        self.address = self._memory.address

    @property
    def memory(self) -> DeviceMemory:
        """The memory behind the array. Raises :class:`DriverError` once it is freed."""
        if self._memory is None:
            raise DriverError("this device array has been freed")
        return self._memory

    @property
    def _view(self) -> npt.NDArray[Any]:
        strides = (self.stride, self.dtype.itemsize)[-len(self.shape) :]
        return np.ndarray(self.shape, self.dtype, buffer=self.memory.array.data, strides=strides)

    def write(self, values: npt.ArrayLike) -> DeviceArray:
        """Copy ``values`` to the device; returns self.

        Raises :class:`DriverError` unless they are integers of the same shape that the dtype holds.
        """
        array = np.asarray(values)
        if array.shape != self.shape or not np.issubdtype(array.dtype, np.integer):
            raise DriverError(
                f"values is {array.dtype} of shape {array.shape}, allowed: integers of shape {self.shape}"
            )
        limits = np.iinfo(self.dtype)
        if not np.can_cast(array.dtype, self.dtype) and (array.min() < limits.min or array.max() > limits.max):
            raise DriverError(f"values spans {array.min()}..{array.max()}, allowed {limits.min}..{limits.max}")
        self._view[...] = array
        self.memory.flush()
        return self

    def numpy(self) -> npt.NDArray[Any]:
        """A copy of the contents as an ordinary array."""
        self.memory.invalidate()
        return self._view.copy()

    def free(self) -> None:
        """Give the memory back; a second call does nothing."""
        if self._memory is not None:
            self._memory.free()
            self._memory = None

    def __enter__(self) -> DeviceArray:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()
