"""The memory that cycles are counted under, and the bus that reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from gatewright.spec.dram import DDR3_1050_X16, Dram
from gatewright.spec.errors import SpecError
from gatewright.spec.memory_port import ZYNQ7_HP, MemoryPort

__all__ = ["ALIGNMENT", "BUS_BYTES", "COMMAND_BYTES", "MAX_BURST_BEATS", "MemoryModel"]

BUS_BYTES = 8
"""Data width of the AXI master in bytes."""

ALIGNMENT = BUS_BYTES
"""Every address and stride that a command carries is a multiple of this many bytes."""

MAX_BURST_BEATS = 16
"""The longest burst that Zynq-7000's AXI3 ports accept."""

COMMAND_BYTES = 64


@dataclass(frozen=True)
class MemoryModel:
    """A board's memory and its ports, as a fabric of some clock sees them; cycles are that clock's.

    Parameters
    ----------
    clock_mhz : of the fabric, 1..1000.
    dram : banks, rows and the controller; default: PYNQ-Z2's.
    port : what a burst costs on its way through any of the ports; its width must be the bus's, ``BUS_BYTES``.
    """

    clock_mhz: float = 100.0
    dram: Dram = DDR3_1050_X16
    port: MemoryPort = ZYNQ7_HP

    def __post_init__(self) -> None:
        if not 1 <= self.clock_mhz <= 1000:
            raise SpecError(f"memory model: clock_mhz is {self.clock_mhz}, allowed 1..1000")
        if self.port.beat_bytes != BUS_BYTES:
            raise SpecError(f"memory model: the port's beat_bytes is {self.port.beat_bytes}, allowed {BUS_BYTES}")

    @property
    def dram_bytes_per_cycle(self) -> float:
        """What the DRAM moves in a cycle at its peak."""
        return self.dram.bytes_per_second / (self.clock_mhz * 1e6)

    @property
    def slowest_beat(self) -> int:
        """Cycles that a burst of one beat takes alone, at most: another row is open, and a refresh comes first."""
        dram = self.dram
        ns = dram.refresh + dram.open_least + dram.precharge + dram.activate + dram.write_to_precharge
        ns += (dram.read_clocks + dram.access_bytes) * dram.clock_ns + self.port.way_ns
        return self.port.way_cycles + ceil(ns * self.clock_mhz / 1000 + self.port.burst_cycles) + 2

    def min_cycles(self, read_bytes: int, written_bytes: int, read_ports: int = 1) -> int:
        """The fewest cycles in which these bytes can cross so many ports, of which one is written through, and the
        DRAM."""
        port = max(-(-read_bytes // (BUS_BYTES * read_ports)), -(-written_bytes // BUS_BYTES))
        dram = int((read_bytes + written_bytes) / self.dram_bytes_per_cycle)
        return max(port, dram)
