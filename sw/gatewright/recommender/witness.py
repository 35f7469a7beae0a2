"""An accelerator whose every result is hashed, so that two backends can be compared over a whole request."""

import hashlib
from typing import Any

import numpy as np

from gatewright.driver import Accelerator

__all__ = ["Witness"]


class Witness:
    """Stands before an :class:`Accelerator` and hashes what its kernels return, in order, with SHA-256."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self._hash = hashlib.sha256()
        self.results = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._accelerator, name)

    @property
    def digest(self) -> str:
        """Hash of every result so far."""
        return self._hash.hexdigest()

    def _note(self, result: np.ndarray) -> np.ndarray:
        self.results += 1
        self._hash.update(f"{result.dtype.str}{result.shape}".encode() + result.tobytes())
        return result

    def gemm(self, *arguments: Any, **options: Any) -> np.ndarray:
        """As :meth:`Accelerator.gemm`."""
        return self._note(self._accelerator.gemm(*arguments, **options))

    def attention(self, *arguments: Any, **options: Any) -> np.ndarray:
        """As :meth:`Accelerator.attention`."""
        return self._note(self._accelerator.attention(*arguments, **options))

    def aggregate(self, *arguments: Any, **options: Any) -> np.ndarray:
        """As :meth:`Accelerator.aggregate`."""
        return self._note(self._accelerator.aggregate(*arguments, **options))
