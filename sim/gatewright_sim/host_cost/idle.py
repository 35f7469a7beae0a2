"""An accelerator that takes no time and does nothing, so that only the host's share of a request is left."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.golden.backend import GoldenBackend
from gatewright_sim.golden.machine import GoldenMachine

__all__ = ["IdleBackend"]

MEMORY_BYTES, DRAWN_BYTES = 1 << 26, 1 << 20


class _IdleMachine(GoldenMachine):
    def _program(self, address: int, count: int, watchdog: int) -> Iterator[None]:
        self._end()
        yield from ()


class IdleBackend(GoldenBackend):
    """Registers and memory, whose bytes are drawn at random; a program has ended as soon as it is looked at, and has
    written nothing. So results are random as well, and whoever sorts them has work to do."""

    name = "idle"

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(config, memory_bytes=MEMORY_BYTES)
        drawn = np.random.default_rng(0).integers(0, 256, DRAWN_BYTES, np.uint8)
        self._memory.array.reshape(-1, DRAWN_BYTES)[:] = drawn
        self._machine = _IdleMachine(config, self._memory, self.memory)
