"""An accelerator that takes no time and does nothing, so that only the host's share of a request is left."""

from __future__ import annotations

import numpy as np

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.registers import constants, register
from gatewright_sim.backend import SimulatedBackend
from gatewright_sim.memory import MEMORY_BASE, SimulatedMemory

__all__ = ["IdleBackend"]

MEMORY_BYTES, DRAWN_BYTES = 1 << 26, 1 << 20
CONTROL, STATUS, IRQ_STATUS = (register(name) for name in ("CONTROL", "STATUS", "IRQ_STATUS"))


class IdleBackend(SimulatedBackend):
    """Registers and memory, whose bytes are drawn at random; a program has ended as soon as it is started, and has
    written nothing. So results are random as well, and whoever sorts them has work to do. An access to a register costs
    as little as it can here."""

    name = "idle"

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(config, None, SimulatedMemory(MEMORY_BASE, MEMORY_BYTES))
        drawn = np.random.default_rng(0).integers(0, 256, DRAWN_BYTES, np.uint8)
        self._memory.array.reshape(-1, DRAWN_BYTES)[:] = drawn
        self._values = {register(name).offset: value for name, value in constants(config).items()}

    def read(self, offset: int) -> int:
        return self._values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        if offset == CONTROL.offset and CONTROL.extract(value, "start"):
            self._values[STATUS.offset] = 1 << STATUS.field("done").lsb
            self._values[IRQ_STATUS.offset] = 1 << IRQ_STATUS.field("done").lsb
        elif offset == IRQ_STATUS.offset:
            self._values[offset] = self._values.get(offset, 0) & ~value
        else:
            self._values[offset] = value

    def wait(self, timeout_s: float) -> bool:
        return True

    def reset(self) -> None:
        self._values.pop(STATUS.offset, None)
