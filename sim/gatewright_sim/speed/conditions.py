"""What cycles are counted under: the clock of the fabric, and how much of its peak the DRAM gives."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gatewright.spec.errors import SpecError
from gatewright.spec.memory import MemoryModel

__all__ = ["CLOCKS", "SHARES", "Conditions"]

CLOCKS = (100.0, 125.0)
"""MHz that are measured by default."""

SHARES = (1.0, 0.83)
"""Of the DRAM's peak rate: the chip's own, and what all ports of a KV260 get (:mod:`gatewright_sim.dram.silicon`):
nobody has measured all of a Zynq-7000's."""


@dataclass(frozen=True)
class Conditions:
    """The PYNQ-Z2's memory, as a fabric of some clock sees it.

    Parameters
    ----------
    clock_mhz : of the fabric, 1..1000.
    dram_share : the DRAM's rate as a share of its peak, 0.1..1.

    Raises :class:`SpecError` for what is outside.
    """

    clock_mhz: float
    dram_share: float = 1.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.dram_share <= 1:
            raise SpecError(f"conditions: dram_share is {self.dram_share}, allowed 0.1..1")
        MemoryModel(self.clock_mhz)  # refuses a wrong clock

    @property
    def memory(self) -> MemoryModel:
        """What the cycles are counted under."""
        model = MemoryModel(self.clock_mhz)
        dram = replace(model.dram, mega_transfers=model.dram.mega_transfers * self.dram_share)
        return replace(model, dram=dram)

    @property
    def title(self) -> str:
        """In words. No tool has timed the design on this part, so that every clock is an assumption."""
        clock = f"{self.clock_mhz:g} MHz (assumed)"
        return clock if self.dram_share == 1 else f"{clock}, DRAM at {self.dram_share:.0%}"
