"""The text encoder in int8, made smaller, and trained for int8, in the systems that read its vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewright.reproduction.experiment import Experiment, Finding, Line, Setting
from gatewright.training.encoders import made
from gatewright.training.variants import Row, measured

__all__ = ["Encoders"]


@dataclass(frozen=True)
class Encoders(Experiment):
    """All variants of `gatewright.training.encoders`, on ``shuffles`` splits; cycles are the RTL's, of one text."""

    NAME: ClassVar[str] = "text encoders"
    MODULES: ClassVar[tuple[str, ...]] = ("gatewright_sim.golden.backend", "gatewright_sim.rtl.backend")

    config: str = "pynq-z2"
    shuffles: int = 5

    def run(self, setting: Setting) -> Finding:
        assert setting.folder is not None, "an experiment that runs has a folder"
        data = setting.splits.data
        variants = made(data, setting.folder, config=self.config, progress=setting.progress)
        rows = measured(data, variants, self.shuffles, setting.progress)
        lines = [_line(system, row, rows[0]) for system in rows[0].found for row in rows]
        return Finding(tuple(lines))


def _line(system: str, row: Row, first: Row) -> Line:
    facts = {
        "layers": f"{row.layers}", "parameters": f"{row.parameters:,}", "cycles of a text": f"{row.cycles:,}",
        "times fewer": f"{first.cycles / row.cycles:.2f}", "cosine with float": f"{row.cosine:.4f}",
    }  # fmt: skip
    against = "" if row is first else _name(system, first)
    return Line(_name(system, row), row.found[system], against, row.seconds or None, facts=facts)


def _name(system: str, row: Row) -> str:
    return f"{system}, text encoder: {row.name}"
