"""Commands in memory: what they read and write, with the random cases that the RTL's benches run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import AttentionFlags, check, decode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright_sim.benches import aggregate_cases, attention_cases, gemm_cases
from gatewright_sim.benches.harness.layout import Layout, PlacedCase
from gatewright_sim.golden.engines import execute
from gatewright_sim.memory import SimulatedMemory

TINY = get_config("tiny")
SIZE = 1 << 20

Place = Callable[[Layout, Any], PlacedCase]


def _run(place: Place, inputs: Any, rng: np.random.Generator) -> None:
    layout = Layout(rng, SIZE)
    case = place(layout, inputs)
    memory = SimulatedMemory(0, SIZE)
    memory.array[:] = layout.before
    assert check(case.command, TINY) == (ErrorCode.NONE, 0)
    assert execute(decode(case.command), memory) is case.error
    if case.error is ErrorCode.NONE:
        np.testing.assert_array_equal(memory.array, layout.after)


@pytest.mark.parametrize("flags", gemm_cases.LEGAL_FLAGS)
def test_gemm(flags: int) -> None:
    rng = np.random.default_rng(flags)
    for _ in range(4):
        product = gemm_cases.random_product(rng, *gemm_cases.random_shape(rng, TINY), flags)
        _run(gemm_cases.place, product, rng)


@pytest.mark.parametrize("flags", range(1 << len(AttentionFlags)))
def test_attention(flags: int) -> None:
    rng = np.random.default_rng(flags)
    for _ in range(4):
        heads = attention_cases.random_heads(rng, *attention_cases.random_shape(rng, TINY), flags)
        _run(attention_cases.place, heads, rng)


def test_aggregate() -> None:
    rng = np.random.default_rng(0)
    for features in (1, 8, 37, TINY.max_features):
        _run(aggregate_cases.place, aggregate_cases.random_matrix(rng, features), rng)
