"""Both accelerators, on memories of the same bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import ENGINES, register
from gatewright_sim.fuzz.streams.stream import BASES, MEMORIES, SIZE, Run, Stream
from gatewright_sim.fuzz.target import Finding
from gatewright_sim.golden.machine import GoldenMachine
from gatewright_sim.memory import SimulatedMemory
from gatewright_sim.rtl.backend import RtlBackend

__all__ = ["WATCHDOG", "Outcome", "Rig"]

WATCHDOG = 60_000
"""Cycles of a command, unless it needs more."""
_FETCH = 1_000
"""Most cycles from one command's end to the next one's fetch, many times over."""
_LOOKS = 5_000
"""Most times that STATUS is read until the bus is at rest; each takes some cycles."""

_GUARD, _GUARDED = 4096, 0xA5
"""Bytes before and behind the simulated memory, which nobody may touch, and what they hold."""

_COMPARED = ("STATUS", "ERROR", "ERROR_INDEX", "COMMAND_INDEX", *(f"COMMANDS_{engine.upper()}" for engine in ENGINES))

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Outcome:
    """How a program ended: registers by name, and the memory (uint8 [SIZE])."""

    registers: dict[str, int]
    memory: Bytes

    @property
    def code(self) -> ErrorCode:
        return ErrorCode(register("ERROR").extract(self.registers["ERROR"], "code"))

    @property
    def last(self) -> int:
        """Index of the command that ran last."""
        return self.registers["COMMAND_INDEX"]


class Rig:
    """A golden machine and the RTL of a configuration. The RTL is built once; its power comes up anew for each stream.

    Attributes
    ----------
    memories : golden's and the RTL's bytes, uint8 [SIZE] each, views.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self._storage = np.full(SIZE + 2 * _GUARD, _GUARDED, np.uint8)
        self._golden_memory, rtl_memory = np.zeros(SIZE, np.uint8), self._storage[_GUARD:-_GUARD]
        self.memories = self._golden_memory, rtl_memory
        self._backends = {
            base: RtlBackend(config, memory_base=base, memory_bytes=SIZE, storage=rtl_memory) for base in BASES
        }

    def close(self) -> None:
        for backend in self._backends.values():
            backend.close()

    def power_up(self, stream: Stream) -> None:
        """Both as they are when a stream begins."""
        timing = MEMORIES[stream.memory]
        memory = SimulatedMemory(stream.base, SIZE, self._golden_memory)
        self._golden = GoldenMachine(self.config, memory, timing)
        self._rtl = self._backends[stream.base]
        self._rtl.power_up(stream.seed, memory=timing, stalls=stream.stalls)

    def run(self, run: Run, watchdog: int = WATCHDOG) -> tuple[Outcome, Outcome]:
        """Golden's and the RTL's way through a program whose commands are in place and may take ``watchdog`` cycles
        each. Raises :class:`Finding`."""
        settings = {"PROGRAM_ADDR": run.address, "PROGRAM_COUNT": run.count, "WATCHDOG": watchdog}
        self._rtl.faults.slverr = self._golden.memory.faults.slverr = run.slverr
        for device in (self._golden, self._rtl):
            for name, value in (settings | {"IRQ_STATUS": 1, "IRQ_ENABLE": 1, "CONTROL": 1}).items():
                device.write(register(name).offset, value)
        if not self._golden.run():
            raise Finding("golden hangs", f"{run}")
        if not self._rtl.run((watchdog + _FETCH) * (run.count + 1)):
            raise Finding("the RTL hangs", f"{run}")
        if np.any(self._storage[:_GUARD] != _GUARDED) or np.any(self._storage[-_GUARD:] != _GUARDED):
            self._storage[:_GUARD] = self._storage[-_GUARD:] = _GUARDED
            raise Finding("the simulated memory writes beside itself", "a guard differs")
        devices: tuple[GoldenMachine | RtlBackend, ...] = self._golden, self._rtl
        golden, rtl = (
            Outcome({name: device.read(register(name).offset) for name in _COMPARED}, memory)
            for device, memory in zip(devices, self.memories, strict=True)
        )
        return golden, rtl

    def recover(self) -> None:
        """The reset that is needed after the watchdog. Raises :class:`Finding` where one does not come back."""
        devices: dict[str, GoldenMachine | RtlBackend] = {"golden": self._golden, "the RTL": self._rtl}
        for name, device in devices.items():
            device.write(register("CONTROL").offset, 1 << register("CONTROL").field("reset").lsb)
            for _ in range(_LOOKS):
                if not (status := device.read(register("STATUS").offset)):
                    break
            else:
                raise Finding(f"{name} is not at rest after a reset", f"STATUS is {status}")
