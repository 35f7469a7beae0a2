"""What a build is asked for, what a tool's flow does, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gatewright.spec.boards import Board
from gatewright.spec.clocks import ClockSetting, clock_settings
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import SpecError

__all__ = ["LOG", "RESOURCES", "TIMEOUT_S", "Flow", "Request", "Result", "TimedPath"]

RESOURCES = ("lut", "ff", "bram36", "dsp")
"""What utilisation is counted in: look-up tables, flip-flops, block RAMs of 36 Kb, multipliers."""

TIMEOUT_S = 4 * 3600.0
"""Longest run of one tool."""

LOG = "build.log"
"""What the programs of a flow said, in its folder; kept where a build fails."""


@dataclass(frozen=True)
class Request:
    """What to build.

    Parameters
    ----------
    board, config : for what, and which accelerator.
    clock : the fabric clock, one that the board's dividers can make.
    timeout_s : longest run of one tool.
    unvouched : why nobody will vouch for the bitstream, in the words of whoever builds it. With that, tools are taken
        that would be refused; the manifest has it, and what is wrong with them.
    say : told what is going on, a line at a time.
    """

    board: Board
    config: AcceleratorConfig
    clock: ClockSetting
    timeout_s: float = TIMEOUT_S
    unvouched: tuple[str, ...] = ()
    say: Callable[[str], object] = field(default=lambda _: None, compare=False)

    @classmethod
    def of(cls, board: Board, config: AcceleratorConfig, mhz: float | None = None, **options: object) -> Request:
        """A build at the fastest clock of the board that is not above ``mhz``, by default the configuration's.

        Raises :class:`SpecError` where the board has none so slow, or ports that are slower.
        """
        asked, fastest = config.clock_mhz if mhz is None else mhz, board.family.clocks.ports_mhz
        slowest = clock_settings(board.fabric_pll_mhz)[-1].mhz
        if not slowest * (1 - 1e-9) <= asked <= fastest:
            raise SpecError(
                f"board {board.name!r}: clock of {asked:g} MHz, allowed: {slowest:g} to {fastest:g}, "
                "what its dividers make and its AXI ports take"
            )
        clock = board.clock_at_most(asked)
        return cls(board, config, clock, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class TimedPath:
    """A path from one register (or port, or memory) to the next.

    Attributes
    ----------
    start, end : cells or pins, by their names in the design.
    ns : its delay.
    module : the design's own module that it ends in, as a path of instances.
    """

    start: str
    end: str
    ns: float
    module: str


@dataclass(frozen=True)
class Result:
    """What a tool made of a request.

    Attributes
    ----------
    words : configuration words, big-endian.
    closed_mhz : the fastest clock that the tool stands for, guard band taken off.
    bound : empty where every arc was timed, else what ``closed_mhz`` rests on.
    untimed : kinds of arcs that were not timed.
    tools : version of each program, by name.
    unvouched : why nobody vouches for what they made.
    utilisation : amounts by the names of RESOURCES; empty where nothing was placed.
    modules : the same for each module below the top, by its path of instances.
    paths : the worst ones, longest first.
    remarks : what whoever uses the bitstream should know.
    """

    words: bytes
    closed_mhz: float
    bound: str = ""
    untimed: tuple[str, ...] = ()
    tools: dict[str, str] = field(default_factory=dict)
    unvouched: tuple[str, ...] = ()
    utilisation: dict[str, float] = field(default_factory=dict)
    modules: dict[str, dict[str, float]] = field(default_factory=dict)
    paths: tuple[TimedPath, ...] = ()
    remarks: tuple[str, ...] = ()


class Flow(Protocol):
    """A tool's way from a request to words, in three steps that share a folder ``work``.

    People may run the second step by hand, elsewhere. All raise :class:`.errors.BuildError`.
    """

    def find(self, request: Request) -> None:
        """Refuse at once what cannot end well: the tool is missing, or does not know the board's part."""

    def prepare(self, request: Request, work: Path) -> None:
        """Write sources, constraints and scripts."""

    def run(self, request: Request, work: Path) -> None:
        """Run the tool on them."""

    def collect(self, request: Request, work: Path) -> Result:
        """Read what it left."""
