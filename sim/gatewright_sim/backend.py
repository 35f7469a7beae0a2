"""What backends of the simulation have in common: a configuration, and memory of their own."""

from __future__ import annotations

from gatewright.driver.backend import DeviceMemory
from gatewright.driver.errors import AcceleratorClosed
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import MemoryModel
from gatewright_sim.memory import Faults, SimulatedMemory

__all__ = ["SimulatedBackend"]


class SimulatedBackend:
    """Half a :class:`~gatewright.driver.backend.Backend`: what is not registers and time.

    Parameters
    ----------
    config : the accelerator's.
    memory : the DRAM and the port before it; default: the PYNQ-Z2's, at the clock of ``config``.
    device_memory : its bytes.
    """

    def __init__(self, config: AcceleratorConfig, memory: MemoryModel | None, device_memory: SimulatedMemory) -> None:
        self.config = config
        self.memory = memory or MemoryModel(config.clock_mhz)
        self._memory = device_memory
        self._closed = False

    @property
    def clock_mhz(self) -> None:
        """Simulated time is no time."""
        return None

    @property
    def faults(self) -> Faults:
        """Misbehaviour of the memory, to be set by tests before a program starts."""
        return self._memory.faults

    def allocate(self, nbytes: int, *, reads: bool = True) -> DeviceMemory:
        self._check_open()
        return self._memory.allocate(nbytes)

    def close(self) -> None:
        """Every other call raises :class:`AcceleratorClosed` from now on."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise AcceleratorClosed
