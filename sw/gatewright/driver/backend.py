"""What a place to run must offer: registers, memory that host and accelerator share, a wait, a reset."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import MemoryModel

__all__ = ["DEVICE_ALIGNMENT", "Backend", "DeviceMemory"]

DEVICE_ALIGNMENT = 64
"""Every allocation starts at a multiple of this many bytes: a command, and two cache lines of a Cortex-A9."""


class DeviceMemory(Protocol):
    """A piece of memory that the accelerator reaches."""

    @property
    def address(self) -> int:
        """Byte address on the accelerator's bus, a multiple of DEVICE_ALIGNMENT."""

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """The host's view, uint8 [nbytes]; valid until :meth:`free`."""

    def flush(self) -> None:
        """Make what the host wrote visible to the accelerator. It concerns the whole piece, as on boards."""

    def invalidate(self) -> None:
        """Make what the accelerator wrote visible to the host, the whole piece; what the host wrote and did not flush
        is lost."""

    def free(self) -> None:
        """Give the memory back; a second call does nothing."""


class Backend(Protocol):
    """One accelerator, somewhere. One thread at a time uses it, which :class:`~gatewright.driver.Accelerator` sees to.
    Two are equal only if they are the same.

    A backend's constructor takes the configuration and keyword options of its own, and raises
    :class:`~gatewright.driver.errors.BackendUnavailable` where it cannot run.
    """

    name: str
    config: AcceleratorConfig
    memory: MemoryModel
    """The memory under which cycles are counted and bounded."""

    @property
    def clock_mhz(self) -> float | None:
        """The clock that the accelerator has now, as read back; None where there is none but a simulation's."""

    def read(self, offset: int) -> int:
        """The 32-bit register at byte ``offset``."""

    def write(self, offset: int, value: int) -> None:
        """Set the 32-bit register at byte ``offset``."""

    def allocate(self, nbytes: int, *, reads: bool = True) -> DeviceMemory:
        """Memory of at least one byte. ``reads``: the host reads it again and again, rather than only writing it.

        Raises :class:`~gatewright.driver.errors.OutOfDeviceMemory`.
        """

    def wait(self, timeout_s: float) -> bool:
        """Return True as soon as the accelerator interrupts, False when it has not within ``timeout_s`` seconds."""

    def reset(self) -> None:
        """Bring accelerator and bus to their initial state whatever they do; memory keeps its contents."""

    def close(self) -> None:
        """Release everything; a second call does nothing, all others raise
        :class:`~gatewright.driver.errors.AcceleratorClosed`."""
