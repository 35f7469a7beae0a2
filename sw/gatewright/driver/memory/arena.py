"""The arena that lends scratch memory to one request after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DEVICE_ALIGNMENT, DeviceMemory
from gatewright.driver.errors import OutOfDeviceMemory

__all__ = ["ARENA_CHUNK_BYTES", "Arena"]

ARENA_CHUNK_BYTES = 1 << 16
"""The least that is asked of the backend at a time. On a board, each operand moves a whole chunk."""


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

    def flush(self) -> None:
        self._chunk.flush()

    def invalidate(self) -> None:
        self._chunk.invalidate()

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
