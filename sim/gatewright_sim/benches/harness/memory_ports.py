"""One memory behind several ports, for cocotb: what benches ask of a memory, told to all of its ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import numpy as np

from gatewright_hw.bus.axi import Resp, master_name
from gatewright_sim.benches.harness.bus_memory import BusMemory
from gatewright_sim.benches.harness.pauses import Stalls

__all__ = ["MASTERS", "MemoryPorts"]


MASTERS = [master_name(port) for port in range(4)]
"""Prefixes of an accelerator's ports, as many as it can have."""

Port = TypeVar("Port", bound=BusMemory)


class MemoryPorts(Generic[Port]):
    """The memory behind those ports of a design whose names begin with one of ``prefixes``.

    Parameters
    ----------
    dut : cocotb's handle of the design.
    make : makes the port of a prefix, whose content is that of the port that it is given, or its own.

    Methods are those of :class:`BusMemory`, for all ports.
    """

    def __init__(self, dut: Any, prefixes: Iterable[str], make: Callable[[str, Port | None], Port]) -> None:
        self.ports: list[Port] = []
        for prefix in prefixes:
            if hasattr(dut, f"{prefix}_arvalid"):
                self.ports.append(make(prefix, self.ports[0] if self.ports else None))
        self.size = self.ports[0].size

    @property
    def open_bursts(self) -> int:
        return sum(port.open_bursts for port in self.ports)

    @property
    def most_reads(self) -> list[int]:
        """Of each port."""
        return [port.most_reads for port in self.ports]

    @property
    def on_burst(self) -> Callable[[str, int, int], None] | None:
        return self.ports[0].on_burst

    @on_burst.setter
    def on_burst(self, told: Callable[[str, int, int], None] | None) -> None:
        for port in self.ports:
            port.on_burst = told

    def read(self, address: int, length: int) -> bytes:
        return self.ports[0].read(address, length)

    def write(self, address: int, data: bytes) -> None:
        self.ports[0].write(address, data)

    def fail(self, direction: str, response: Resp, window: range = range(1 << 32)) -> None:
        self.ports[0].fail(direction, response, window)

    def stall(self, rng: np.random.Generator, stalls: Stalls) -> None:
        for port in self.ports:
            port.stall(rng, stalls)

    def flow(self) -> None:
        for port in self.ports:
            port.flow()

    def hang(self, *names: str) -> None:
        for port in self.ports:
            port.hang(*names)

    def forget(self) -> None:
        for port in self.ports:
            port.forget()
