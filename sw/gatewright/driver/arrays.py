"""Arrays in device memory, and the arena that lends scratch memory to one request after the other."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DEVICE_ALIGNMENT, DeviceMemory
from gatewright.driver.errors import DriverError, OutOfDeviceMemory
from gatewright.spec.memory import ALIGNMENT

__all__ = ["Arena", "DeviceArray", "row_stride"]

ARENA_CHUNK_BYTES = 1 << 20


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


class _Slice:
    """A part of an arena's chunk; it is freed with the arena."""

    def __init__(self, chunk: DeviceMemory, start: int, nbytes: int) -> None:
        self._chunk = chunk
        self._start = start
        self._stop = start + nbytes

    @property
    def address(self) -> int:
        return self._chunk.address + self._start

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        return self._chunk.array[self._start : self._stop]

    def flush(self, start: int = 0, stop: int | None = None) -> None:
        self._chunk.flush(self._start + start, self._stop if stop is None else self._start + stop)

    def invalidate(self, start: int = 0, stop: int | None = None) -> None:
        self._chunk.invalidate(self._start + start, self._stop if stop is None else self._start + stop)

    def free(self) -> None:
        pass


class Arena:
    """Scratch memory: pieces are taken one by one and given back all at once, so that requests reuse the same bytes."""

    def __init__(self, allocate: Callable[[int], DeviceMemory], chunk_bytes: int = ARENA_CHUNK_BYTES) -> None:
        self._allocate = allocate
        self._chunk_bytes = chunk_bytes
        self._chunks: list[DeviceMemory] = []
        self._used = 0  # bytes of the last chunk

    def take(self, nbytes: int) -> DeviceMemory:
        """``nbytes`` of memory until :meth:`reset`. Raises :class:`OutOfDeviceMemory`."""
        size = -(-nbytes // DEVICE_ALIGNMENT) * DEVICE_ALIGNMENT
        if not self._chunks or self._used + size > len(self._chunks[-1].array):
            self._chunks.append(self._grow(size))
            self._used = 0
        piece = _Slice(self._chunks[-1], self._used, nbytes)
        self._used += size
        return piece

    def _grow(self, size: int) -> DeviceMemory:
        try:
            return self._allocate(max(size, self._chunk_bytes))
        except OutOfDeviceMemory:
            if size >= self._chunk_bytes:
                raise
            return self._allocate(size)

    def reset(self) -> None:
        """Take everything back. Several chunks are released: the next request as large gets one that holds it."""
        if len(self._chunks) > 1:
            self._chunk_bytes = max(self._chunk_bytes, sum(len(chunk.array) for chunk in self._chunks))
            self.release()
        self._used = 0

    def release(self) -> None:
        """Return the chunks to the backend."""
        for chunk in self._chunks:
            chunk.free()
        self._chunks = []
        self._used = 0
