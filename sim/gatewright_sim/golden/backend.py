"""The golden model behind the driver: the same registers, bytes and errors as the hardware, without a clock."""

from __future__ import annotations

import time

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import MemoryModel
from gatewright_sim.backend import SimulatedBackend
from gatewright_sim.golden.machine import GoldenMachine
from gatewright_sim.memory import MEMORY_BASE, MEMORY_BYTES, SimulatedMemory

__all__ = ["GoldenBackend"]


class GoldenBackend(SimulatedBackend):
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
        super().__init__(config, memory, SimulatedMemory(memory_base, memory_bytes))
        self._machine = GoldenMachine(config, self._memory, self.memory)

    def read(self, offset: int) -> int:
        return self._open.read(offset)

    def write(self, offset: int, value: int) -> None:
        self._open.write(offset, value)

    def wait(self, timeout_s: float) -> bool:
        """Do the program's work; it goes beyond ``timeout_s`` by one block of one command at the most."""
        machine = self._open
        machine.run(time.monotonic() + timeout_s)
        return machine.irq

    def reset(self) -> None:
        """Reset the machine; the memory answers again."""
        self._open.reset()
        self._memory.faults.hang = False

    @property
    def _open(self) -> GoldenMachine:
        self._check_open()
        return self._machine
