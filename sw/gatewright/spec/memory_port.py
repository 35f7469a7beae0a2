"""A processing system's memory ports: what a burst through one costs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gatewright.spec.errors import SpecError

__all__ = ["ZYNQ7_HP", "ZYNQMP_HP", "ZYNQMP_HP_64", "MemoryPort"]

_COMMANDS = 8
"""Read bursts, and write bursts, that a processing system's memory port has under way at a time. Zynq-7000's S_AXI_HP
issues 8 (UG585, AFI_RDCHAN_ISSUINGCAP and AFI_WRCHAN_ISSUINGCAP: reset value 7); Zynq UltraScale+'s accepts 8 (UG1085,
"AXI Interface Programming")."""


@dataclass(frozen=True)
class MemoryPort:
    """One AXI port between the fabric and the DRAM's controller; cycles are those of the fabric's clock.

    Parameters
    ----------
    beat_bytes : width of the port, 8 or 16.
    commands : bursts under way in each direction, 1..64.
    way_cycles, way_ns : from an accepted address (of a write, from the last beat) to the controller and back, besides
        what the DRAM takes: a part that goes with the fabric's clock, and one that does not; 0..10000 each.
    burst_cycles : cycles without a beat that each burst costs; fractions add up; 0..16.
    """

    beat_bytes: int
    commands: int
    way_cycles: int
    way_ns: float
    burst_cycles: float

    def __post_init__(self) -> None:
        if self.beat_bytes not in (8, 16):
            raise SpecError(f"memory port: beat_bytes is {self.beat_bytes}, allowed 8, 16")
        for name, low, high in (
            ("commands", 1, 64),
            ("way_cycles", 0, 10_000),
            ("way_ns", 0, 10_000),
            ("burst_cycles", 0, 16),
        ):
            if not low <= getattr(self, name) <= high:
                raise SpecError(f"memory port: {name} is {getattr(self, name)}, allowed {low}..{high}")


ZYNQ7_HP = MemoryPort(beat_bytes=8, commands=_COMMANDS, way_cycles=12, way_ns=56.0, burst_cycles=0.12)
"""S_AXI_HP of Zynq-7000. A read of one beat comes back after 84 ns and 12.6 cycles: so say 8 of them under way and the
rates measured at 50 and 100 MHz (:mod:`gatewright_sim.dram.silicon`)."""

ZYNQMP_HP = MemoryPort(beat_bytes=16, commands=_COMMANDS, way_cycles=12, way_ns=56.0, burst_cycles=0.4)
"""S_AXI_HP of Zynq UltraScale+: its way is assumed to be Zynq-7000's, since nobody has published it."""

ZYNQMP_HP_64 = replace(ZYNQMP_HP, beat_bytes=8)
"""The same port set to 64 bits."""
