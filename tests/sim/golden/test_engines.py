"""Commands in memory: what they read and write, with the random cases that the RTL's benches run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import AttentionFlags, check
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright_sim.benches import aggregate_cases, attention_cases, gemm_cases, vector_cases
from gatewright_sim.benches.harness.layout import Layout, PlacedCase
from gatewright_sim.golden import engines
from gatewright_sim.memory import SimulatedMemory

TINY = get_config("tiny")
SIZE = 1 << 20

Compare = Callable[[Callable[[Layout, Any], PlacedCase], Any], None]


@pytest.fixture(params=["whole", "in blocks"])
def compare(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, run: Any, rng: np.random.Generator
) -> Compare:
    """Runs a command, whole or in many small blocks, and compares the memory with what must be there."""
    if request.param == "in blocks":
        for name, most in (("ELEMENTS", 256), ("INTERMEDIATE", 128), ("PRODUCTS", 1024), ("EDGE_PRODUCTS", 64)):
            monkeypatch.setattr(engines, f"_{name}", most)

    def compare_(place: Callable[[Layout, Any], PlacedCase], inputs: Any) -> None:
        layout = Layout(rng, SIZE)
        case = place(layout, inputs)
        memory = SimulatedMemory(0, SIZE)
        memory.array[:] = layout.before
        assert check(case.command, TINY) == (ErrorCode.NONE, 0)
        assert run(case.command, memory) is case.error
        np.testing.assert_array_equal(memory.array, layout.after)

    return compare_


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("flags", gemm_cases.LEGAL_FLAGS)
def test_gemm(flags: int, number: int, rng: np.random.Generator, compare: Compare) -> None:
    compare(gemm_cases.place, gemm_cases.random_product(rng, *gemm_cases.random_shape(rng, TINY), flags))


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("flags", range(1 << len(AttentionFlags)))
def test_attention(flags: int, number: int, rng: np.random.Generator, compare: Compare) -> None:
    compare(attention_cases.place, attention_cases.random_heads(rng, *attention_cases.random_shape(rng, TINY), flags))


@pytest.mark.parametrize("features", [1, 8, 37, TINY.max_features])
def test_aggregate(features: int, rng: np.random.Generator, compare: Compare) -> None:
    compare(aggregate_cases.place, aggregate_cases.random_matrix(rng, features))


@pytest.mark.parametrize("number", range(8))
def test_vector(number: int, rng: np.random.Generator, compare: Compare) -> None:
    shape = rng.integers(1, 20), rng.integers(1, 70)
    compare(vector_cases.place, vector_cases.random_operation(rng, *map(int, shape)))
