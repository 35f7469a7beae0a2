"""Commands with their operands: what they compute, and where they lie in a memory; random ones, and those at the
boundaries of what an engine can do.

One command is one value, which ``place`` lays out. Benches of an engine and of the whole accelerator and tests of the
golden model draw theirs here; a stimulus of ``gatewright simulate`` is such a command and the scales of its integers.
"""

from collections.abc import Callable

import numpy as np

from gatewright.spec.commands import Opcode
from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.commands.aggregate import AggregateCommand
from gatewright_sim.commands.attention import AttentionCommand
from gatewright_sim.commands.epilogue import EpilogueCommand
from gatewright_sim.commands.gemm import GemmCommand
from gatewright_sim.commands.layout import Command, Layout, LayoutFull, PlacedCommand
from gatewright_sim.commands.vector import VectorCommand

__all__ = [
    "RANDOM",
    "AggregateCommand",
    "AttentionCommand",
    "Command",
    "EpilogueCommand",
    "GemmCommand",
    "Layout",
    "LayoutFull",
    "PlacedCommand",
    "VectorCommand",
]

_EPILOGUES = 0.3
"""Share of the products that have one, where the configuration has them."""


def _product(rng: np.random.Generator, config: AcceleratorConfig) -> Command:
    with_epilogue = config.epilogue and rng.random() < _EPILOGUES
    return (EpilogueCommand if with_epilogue else GemmCommand).random(rng, config)


RANDOM: dict[Opcode, Callable[[np.random.Generator, AcceleratorConfig], Command]] = {
    Opcode.GEMM: _product,
    Opcode.ATTENTION: AttentionCommand.random,
    Opcode.AGGREGATE: AggregateCommand.random,
    Opcode.VECTOR: VectorCommand.random,
}
"""A random command that a configuration can run, by opcode."""
