"""Arrays in device memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DeviceMemory
from gatewright.driver.errors import DriverError
from gatewright.driver.gate import Gate, exclusive
from gatewright.spec.memory import ALIGNMENT

__all__ = ["DeviceArray", "PlacedArray", "row_stride"]


def row_stride(columns: int, dtype: npt.DTypeLike) -> int:
    """Bytes from one row to the next: ``columns`` elements, padded to the bus's alignment."""
    return -(-columns * np.dtype(dtype).itemsize // ALIGNMENT) * ALIGNMENT


def _layout(shape: tuple[int, ...], dtype: npt.DTypeLike) -> tuple[int, int]:
    """Row stride and size in bytes; a vector is one row."""
    stride = row_stride(shape[-1], dtype)
    return stride, max(stride * (shape[0] if len(shape) == 2 else 1), ALIGNMENT)


class PlacedArray:
    """A vector or a matrix in device memory; rows start at multiples of 8 bytes.

    Attributes
    ----------
    shape, dtype : as of the numpy array that it holds.
    address : byte address of the first element, a multiple of 64.
    stride : bytes from one row to the next.
    """

    def __init__(self, allocate: Callable[[int], DeviceMemory], shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        if len(shape) not in (1, 2) or 0 in shape:
            raise DriverError(f"array of shape {shape}: allowed one or two dimensions, none of them 0")
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

    def put(self, values: npt.ArrayLike) -> None:
        """Copy ``values`` to the device.

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

    def get(self) -> npt.NDArray[Any]:
        """A copy of the contents as an ordinary array."""
        self.memory.invalidate()
        return self._view.copy()


class DeviceArray(PlacedArray, AbstractContextManager["DeviceArray"]):
    """An array of the user's in device memory, made by :meth:`Accelerator.upload`. Kernels take it without a copy.

    A context manager that frees the memory at its end. Threads may share it as they share the accelerator.
    """

    def __init__(
        self, gate: Gate, allocate: Callable[[int], DeviceMemory], shape: tuple[int, ...], dtype: npt.DTypeLike
    ) -> None:
        super().__init__(allocate, shape, dtype)
        self._gate = gate

    def is_behind(self, gate: Gate) -> bool:
        """Whether it lies in the memory of the accelerator behind ``gate``."""
        return self._gate is gate

    @exclusive
    def write(self, values: npt.ArrayLike) -> DeviceArray:
        """Copy ``values`` to the device; returns self.

        Raises :class:`DriverError` unless they are integers of the same shape that the dtype holds, and
        :class:`AcceleratorClosed`.
        """
        self.put(values)
        return self

    @exclusive
    def numpy(self) -> npt.NDArray[Any]:
        """A copy of the contents as an ordinary array. Raises :class:`AcceleratorClosed`."""
        return self.get()

    def free(self) -> None:
        """Give the memory back, at the end of the call that runs; a second call does nothing."""
        memory, self._memory = self._memory, None
        if memory is not None:
            self._gate.free(memory)

    def __exit__(self, *exception: object) -> None:
        self.free()
