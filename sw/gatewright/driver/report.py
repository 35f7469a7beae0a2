"""What the accelerator has done: commands, cycles and bounds by engine, summed over programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from operator import add

from gatewright.driver.programs.command_list import Bounds, CommandList, add_bounds
from gatewright.driver.registers import RegisterFile
from gatewright.spec.commands import decode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import MemoryModel
from gatewright.spec.registers import ENGINES

__all__ = ["EngineReport", "Report", "Tally"]


@dataclass(frozen=True)
class EngineReport:
    """One engine's share.

    Attributes
    ----------
    name : of the engine.
    commands : completed.
    cycles : from each command's start to its end, summed; 0 on a backend without a clock.
    min_cycles_compute, min_cycles_memory : the rooflines of these commands, summed.
    min_cycles : of each command the higher of the two, summed: no engine can do with less.
    """

    name: str
    commands: int = 0
    cycles: int = 0
    min_cycles_compute: int = 0
    min_cycles_memory: int = 0
    min_cycles: int = 0


@dataclass(frozen=True)
class Report:
    """Everything since the last reset of the report.

    Attributes
    ----------
    programs : completed.
    cycles : from doorbell to end, summed over the programs.
    read_beats, write_beats : 64-bit beats on the bus.
    engines : one entry per engine, used or not.
    """

    programs: int
    cycles: int
    read_beats: int
    write_beats: int
    engines: tuple[EngineReport, ...]

    @property
    def min_cycles(self) -> int:
        """The fewest cycles that the programs can take by their roofline: commands run one at a time."""
        return sum(engine.min_cycles for engine in self.engines)

    def engine(self, name: str) -> EngineReport:
        """The engine called ``name``; KeyError lists the names otherwise."""
        for entry in self.engines:
            if entry.name == name:
                return entry
        raise KeyError(f"no engine {name!r}, allowed: {', '.join(entry.name for entry in self.engines)}")

    def __add__(self, other: Report) -> Report:
        """What both did."""
        engines = tuple(
            EngineReport(name, *(getattr(one, field) + getattr(more, field) for field in _COUNTS))
            for name, one, more in ((one.name, one, other.engine(one.name)) for one in self.engines)
        )
        return Report(
            self.programs + other.programs,
            self.cycles + other.cycles,
            self.read_beats + other.read_beats,
            self.write_beats + other.write_beats,
            engines,
        )

    @classmethod
    def nothing(cls) -> Report:
        """Of an accelerator that has done nothing yet."""
        return cls(0, 0, 0, 0, tuple(EngineReport(name) for name in ENGINES))


_COUNTS = ("commands", "cycles", "min_cycles_compute", "min_cycles_memory", "min_cycles")

_TOTALS = ("CYCLES", "READ_BEATS", "WRITE_BEATS")
_OF_ENGINES = tuple(f"{kind}_{name.upper()}" for name in ENGINES for kind in ("COMMANDS", "CYCLES"))
_READ = _TOTALS + _OF_ENGINES
_COUNTED = 1 + len(_READ)
_ZEROS = (0,) * (_COUNTED + 3 * len(ENGINES))
"""Programs, then these counters, then three bounds of each engine."""
_MOST_WAITING = 4096
"""Commands whose bounds are still to be computed."""


class Tally:
    """Adds up the counters of completed programs."""

    def __init__(self, config: AcceleratorConfig, memory: MemoryModel) -> None:
        self._hardware = config, memory
        self.reset()

    def reset(self) -> None:
        """Start from zero."""
        self._sums = _ZEROS
        self._waiting: Counter[bytes] = Counter()

    def add(self, commands: CommandList, registers: RegisterFile) -> None:
        """Add a program that has just completed; all of its counters, or none when an interrupt comes."""
        counted = [registers.read(name) for name in _READ]
        self._sums = tuple(map(add, self._sums, (1, *counted, *chain(*commands.bounds.values()))))
        self._waiting.update(commands.replaced.values())
        if len(self._waiting) > _MOST_WAITING:
            self._settle()

    def _settle(self) -> None:
        """Add the bounds of replaced commands, each computed once however often it ran."""
        sums: dict[str, Bounds] = dict.fromkeys(ENGINES, (0, 0, 0))
        for command, count in self._waiting.items():
            add_bounds(sums, decode(command), count, *self._hardware)
        counted, known = self._sums[:_COUNTED], self._sums[_COUNTED:]
        self._sums, self._waiting = (*counted, *map(add, known, chain(*sums.values()))), Counter()

    def report(self) -> Report:
        """The sums so far."""
        self._settle()
        programs, cycles, read_beats, write_beats, *sums = self._sums
        counted, bounds = sums[: len(_OF_ENGINES)], sums[len(_OF_ENGINES) :]
        engines = (
            EngineReport(name, *counted[2 * index : 2 * index + 2], *bounds[3 * index : 3 * index + 3])
            for index, name in enumerate(ENGINES)
        )
        return Report(programs, cycles, read_beats, write_beats, tuple(engines))
