"""Where the time of a call goes: the accelerator, the memory between it and the host, the host."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DeviceMemory

__all__ = ["CallSeconds", "Stopwatch", "TimedMemory"]

P = ParamSpec("P")


@dataclass(frozen=True)
class CallSeconds:
    """Attributes
    ----------
    total : from the call to its result, s; turns of other callers that it waited for included.
    transfer : of it, making memory of one side visible to the other (caches; behind a network, the network), s.
    accelerator : of it, from the doorbell to the interrupt, s.
    """

    total: float
    transfer: float
    accelerator: float

    @property
    def host(self) -> float:
        """The rest: conversions, host steps, Python, s."""
        return max(self.total - self.transfer - self.accelerator, 0.0)


class Stopwatch:
    """Sums the parts of one call after the other."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A call begins."""
        self._start = time.perf_counter()
        self.transfer = self.accelerator = 0.0

    def transferring(self, function: Callable[[], None]) -> None:
        """Call what moves memory."""
        start = time.perf_counter()
        try:
            function()
        finally:
            self.transfer += time.perf_counter() - start

    def accelerating(self, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call what rings and waits."""
        start = time.perf_counter()
        try:
            function(*args, **kwargs)
        finally:
            self.accelerator += time.perf_counter() - start

    def stop(self) -> CallSeconds:
        """The call has ended."""
        return CallSeconds(time.perf_counter() - self._start, self.transfer, self.accelerator)


class TimedMemory:
    """Device memory whose flushes and invalidations count as transfer."""

    def __init__(self, memory: DeviceMemory, watch: Stopwatch) -> None:
        self._memory = memory
        self._watch = watch

    @property
    def address(self) -> int:
        return self._memory.address

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        return self._memory.array

    def flush(self) -> None:
        self._watch.transferring(self._memory.flush)

    def invalidate(self) -> None:
        self._watch.transferring(self._memory.invalidate)

    def free(self) -> None:
        self._memory.free()
