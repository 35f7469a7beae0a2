"""Where one request's operands and results lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.arena import Arena
from gatewright.driver.arrays import DeviceArray
from gatewright.driver.backend import Backend
from gatewright.driver.errors import DriverError
from gatewright.driver.kernel_arguments import Matrix

__all__ = ["Scratch"]


class Scratch:
    """Places one request's data in the arena."""

    def __init__(self, arena: Arena, backend: Backend) -> None:
        self._arena = arena
        self._backend = backend

    def operand(self, matrix: Matrix) -> DeviceArray:
        """The matrix on the device: itself, or a copy."""
        if isinstance(matrix, DeviceArray):
            _ = matrix.memory  # refuses one that has been freed
            if matrix.owner is not self._backend:
                raise DriverError("this device array belongs to another accelerator")
            return matrix
        return self.empty(matrix.shape, matrix.dtype).write(matrix)

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> DeviceArray:
        """An array to be written by the accelerator."""
        return DeviceArray(self._arena.take, shape, dtype, self._backend)

    def bytes(self, values: npt.NDArray[Any] | None) -> int:
        """The address of a copy of ``values`` without padding between its rows; 0 for none of them."""
        if values is None or values.size == 0:
            return 0
        flat = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        return self.empty(flat.shape, np.uint8).write(flat).address
