"""Where one request's operands and results lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.driver.gate import Gate
from gatewright.driver.kernels.kernel_arguments import Matrix
from gatewright.driver.memory.arena import Arena
from gatewright.driver.memory.arrays import DeviceArray, PlacedArray

__all__ = ["Scratch"]


class Scratch:
    """Places one request's data in the arena; operands that are on the device already belong behind ``gate``."""

    def __init__(self, arena: Arena, gate: Gate) -> None:
        self._arena = arena
        self._gate = gate

    def operand(self, matrix: Matrix) -> PlacedArray:
        """The matrix on the device: itself, or a copy."""
        if isinstance(matrix, DeviceArray):
            _ = matrix.memory  # refuses one that has been freed
            if not matrix.is_behind(self._gate):
                raise DriverError("this device array belongs to another accelerator")
            return matrix
        copy = self.empty(matrix.shape, matrix.dtype)
        copy.put(matrix)
        return copy

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> PlacedArray:
        """An array to be written by the accelerator."""
        return PlacedArray(self._arena.take, shape, dtype)

    def bytes(self, values: npt.NDArray[Any] | None) -> int:
        """The address of a copy of ``values`` without padding between its rows; 0 for none of them."""
        if values is None or values.size == 0:
            return 0
        flat = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        copy = self.empty(flat.shape, np.uint8)
        copy.put(flat)
        return copy.address
