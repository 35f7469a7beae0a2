"""The memory that cycles are counted under, and the bus that reaches it."""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.spec.errors import SpecError

__all__ = ["ALIGNMENT", "BUS_BYTES", "COMMAND_BYTES", "MAX_BURST_BEATS", "PORT_COMMANDS", "MemoryModel"]

BUS_BYTES = 8
"""Data width of the AXI master in bytes."""

ALIGNMENT = BUS_BYTES
"""Every address and stride that a command carries is a multiple of this many bytes."""

MAX_BURST_BEATS = 16
"""The longest burst that Zynq-7000's AXI3 ports accept."""

PORT_COMMANDS = 8
"""Read bursts, and write bursts, that a processing system's memory port has under way at a time. Zynq-7000's S_AXI_HP
issues 8 (UG585, AFI_RDCHAN_ISSUINGCAP and AFI_WRCHAN_ISSUINGCAP: reset value 7); Zynq UltraScale+'s accepts 8 (UG1085,
"AXI Interface Programming")."""

READ_LATENCY_NS, WRITE_LATENCY_NS = 480.0, 240.0
"""From an accepted address, and from the last beat of a write, to the answer: assumed until a board measures them."""

COMMAND_BYTES = 64


@dataclass(frozen=True)
class MemoryModel:
    """Latency and bandwidth of the DDR as the accelerator's AXI port sees it, in cycles of the accelerator's clock.

    The defaults stand for the PYNQ-Z2: 16-bit DDR3-1050 moves 2.1 GB/s, 21 bytes in a cycle of 100 MHz, seen through
    one 64-bit S_AXI_HP port. Latencies are named assumptions.

    Parameters
    ----------
    read_latency : cycles from an accepted read address to its first beat, 1..10000.
    write_latency : cycles from the last beat of a write to its response, 1..10000.
    dram_bytes_per_cycle : bytes the DRAM moves in a cycle, reads and writes together, above 0.
    outstanding_reads, outstanding_writes : bursts accepted and unanswered at a time, 1..64.
    """

    read_latency: int = 48
    write_latency: int = 24
    dram_bytes_per_cycle: float = 21.0
    outstanding_reads: int = PORT_COMMANDS
    outstanding_writes: int = PORT_COMMANDS

    def __post_init__(self) -> None:
        for name, low, high in (
            ("read_latency", 1, 10_000),
            ("write_latency", 1, 10_000),
            ("dram_bytes_per_cycle", 0.125, 1024),
            ("outstanding_reads", 1, 64),
            ("outstanding_writes", 1, 64),
        ):
            if not low <= getattr(self, name) <= high:
                raise SpecError(f"memory model: {name} is {getattr(self, name)}, allowed {low}..{high}")

    @classmethod
    def of_port(cls, clock_mhz: float, dram_mega_transfers: float, dram_bits: int) -> MemoryModel:
        """A memory of so many 10**6 transfers a second of ``dram_bits`` each, behind one port clocked with
        ``clock_mhz``."""
        return cls(
            read_latency=max(1, round(READ_LATENCY_NS * clock_mhz / 1000)),
            write_latency=max(1, round(WRITE_LATENCY_NS * clock_mhz / 1000)),
            dram_bytes_per_cycle=dram_mega_transfers * dram_bits / 8 / clock_mhz,
        )

    def min_cycles(self, read_bytes: int, written_bytes: int) -> int:
        """The fewest cycles in which these bytes can cross the port and the DRAM."""
        port = max(-(-read_bytes // BUS_BYTES), -(-written_bytes // BUS_BYTES))
        dram = int((read_bytes + written_bytes) / self.dram_bytes_per_cycle)
        return max(port, dram)
