"""One measurement, and all of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gatewright_sim.speed.conditions import Conditions
from gatewright_sim.speed.workload import Counted

__all__ = ["Measured", "Measurement"]


@dataclass(frozen=True)
class Measurement:
    """What a workload took under some conditions.

    ``part``, ``what`` and ``size`` are the workload's (:class:`~gatewright_sim.speed.workload.Workload`).
    """

    part: str
    what: str
    conditions: Conditions
    counted: Counted
    size: int | None = None

    @property
    def name(self) -> str:
        """Part and workload, in words."""
        return f"{self.part}, {self.what}"

    @property
    def ms(self) -> float:
        """Milliseconds at the clock, which is an assumption."""
        return self.counted.cycles / self.conditions.clock_mhz / 1e3

    @property
    def of_bound(self) -> float:
        """The bound as a share of the cycles."""
        return self.counted.bound / self.counted.cycles

    @property
    def of_all_ports(self) -> float:
        """Bytes, each operand once, as a share of what all ports could have moved meanwhile; above 1 where operands
        that count several times were kept on chip."""
        return self.counted.min_cycles_memory / self.counted.cycles

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, with what follows from the cycles."""
        return {
            "part": self.part,
            "what": self.what,
            "size": self.size,
            **asdict(self.conditions),
            **asdict(self.counted),
            "ms": self.ms,
            "bound": self.counted.bound,
            "of_bound": self.of_bound,
            "of_all_ports": self.of_all_ports,
        }


@dataclass(frozen=True)
class Measured:
    """A run's measurements of one configuration, in the table's order."""

    config: str
    measurements: tuple[Measurement, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"config": self.config, "measurements": [each.as_dict() for each in self.measurements]}
