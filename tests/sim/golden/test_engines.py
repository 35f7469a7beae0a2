"""Commands in memory: what they read and write, with the commands that the RTL's benches run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import Opcode, check
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright_sim.commands import (
    RANDOM,
    AggregateCommand,
    AttentionCommand,
    Command,
    GemmCommand,
    Layout,
    VectorCommand,
)
from gatewright_sim.commands.attention import ATTENTION_FLAGS
from gatewright_sim.commands.gemm import GEMM_FLAGS
from gatewright_sim.golden import engines
from gatewright_sim.memory import SimulatedMemory

TINY = get_config("tiny")
SIZE = 1 << 20

Compare = Callable[[Command], None]


@pytest.fixture(params=["whole", "in blocks"])
def compare(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, run: Any, rng: np.random.Generator
) -> Compare:
    """Runs a command, whole or in many small blocks, and compares the memory with what must be there."""
    if request.param == "in blocks":
        for name, most in (("ELEMENTS", 256), ("INTERMEDIATE", 128), ("PRODUCTS", 1024), ("EDGE_PRODUCTS", 64)):
            monkeypatch.setattr(engines, f"_{name}", most)

    def compare_(command: Command) -> None:
        layout = Layout(rng, SIZE)
        placed = command.place(layout)
        memory = SimulatedMemory(0, SIZE)
        memory.array[:] = layout.before
        assert check(placed.command, TINY) == (ErrorCode.NONE, 0)
        assert run(placed.command, memory) is placed.error
        np.testing.assert_array_equal(memory.array, layout.after)

    return compare_


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("opcode", Opcode)
def test_random_commands(opcode: Opcode, number: int, rng: np.random.Generator, compare: Compare) -> None:
    compare(RANDOM[opcode](rng, TINY))


@pytest.mark.parametrize("flags", GEMM_FLAGS, ids=str)
def test_gemm_flags(flags: Any, rng: np.random.Generator, compare: Compare) -> None:
    compare(GemmCommand.random(rng, TINY, flags))


@pytest.mark.parametrize("flags", ATTENTION_FLAGS, ids=str)
def test_attention_flags(flags: Any, rng: np.random.Generator, compare: Compare) -> None:
    compare(AttentionCommand.random(rng, TINY, flags))


@pytest.mark.parametrize(
    "commands",
    [
        kind
        for of in (GemmCommand, AttentionCommand, AggregateCommand, VectorCommand)
        for kind in (of.boundaries, of.extremes)
    ]
    + [AggregateCommand.faulty, VectorCommand.types],
    ids=lambda kind: kind.__qualname__,
)
def test_boundaries(commands: Callable[..., Iterable[Command]], rng: np.random.Generator, compare: Compare) -> None:
    for command in commands(rng, TINY):
        compare(command)
