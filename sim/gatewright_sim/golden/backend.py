"""The golden model behind the driver: the same registers, bytes and errors as the hardware, without a clock."""

from __future__ import annotations

import time

from gatewright.driver.backend import DeviceMemory
from gatewright.driver.errors import AcceleratorClosed
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import MemoryModel
from gatewright_sim.golden.machine import GoldenMachine
from gatewright_sim.memory import MEMORY_BASE, MEMORY_BYTES, Faults, SimulatedMemory

__all__ = ["GoldenBackend"]


class GoldenBackend:
    """A :class:`GoldenMachine` in process.

    Parameters
    ----------
    config : the accelerator's.
    memory : only for the roofline's bounds, the watchdog's among them; the model has no clock.
    memory_base, memory_bytes : where device memory lies, multiples of 64.
    """

    name = "golden"

    def __init__(
        self,
        config: AcceleratorConfig,
        *,
        memory: MemoryModel | None = None,
        memory_base: int = MEMORY_BASE,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.config = config
        self.memory = memory or MemoryModel()
        self._memory = SimulatedMemory(memory_base, memory_bytes)
        self._machine = GoldenMachine(config, self._memory, self.memory)
        self._closed = False

    @property
    def faults(self) -> Faults:
        """Misbehaviour of the memory, to be set by tests."""
        return self._memory.faults

    def read(self, offset: int) -> int:
        return self._open.read(offset)

    def write(self, offset: int, value: int) -> None:
        self._open.write(offset, value)

    def allocate(self, nbytes: int) -> DeviceMemory:
        return self._open.memory.allocate(nbytes)

    def wait(self, timeout_s: float) -> bool:
        """Do the program's work; it goes beyond ``timeout_s`` by one block of one command at the most."""
        machine = self._open
        machine.run(time.monotonic() + timeout_s)
        return machine.irq

    def reset(self) -> None:
        """Reset the machine; the memory answers again."""
        self._open.reset()
        self._memory.faults.hang = False

    def close(self) -> None:
        self._closed = True

    @property
    def _open(self) -> GoldenMachine:
        if self._closed:
            raise AcceleratorClosed
        return self._machine
