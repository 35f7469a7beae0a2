"""The flow that builds no hardware: a bitstream that names its design, for virtual boards."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from gatewright.artefact.simulation import SimulatedDesign, simulation_words
from gatewright_hw.build.flow import Request, Result
from gatewright_hw.generate import design_hash

__all__ = ["SimulationFlow"]


class SimulationFlow:
    """Needs numpy and Amaranth alone, and takes no time."""

    def find(self, request: Request) -> None:
        """It is always there."""

    def prepare(self, request: Request, work: Path) -> None:
        """Nothing to write."""

    def run(self, request: Request, work: Path) -> None:
        """Nothing to run."""

    def collect(self, request: Request, work: Path) -> Result:
        """Words that name board, configuration and design. Nothing is timed: the clock is the one asked for."""
        config, mhz = request.config, request.clock.mhz
        design = SimulatedDesign(request.board.name, config.name, config.hash_text, design_hash(config), mhz)
        return Result(
            words=simulation_words(request.board, design),
            closed_mhz=mhz,
            bound="nothing is timed: the clock is the one that was asked for",
            untimed=("everything",),
            tools={"amaranth": version("amaranth")},
            remarks=("It holds no hardware: only a virtual board takes it, and a real one refuses it.",),
        )
