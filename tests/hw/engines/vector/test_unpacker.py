"""Unpacker: beats of every type become groups, row by row, and one element may stand for a row."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import ElementType
from gatewright_hw.engines.vector.unpacker import Unpacker
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses
from gatewright_sim.components.values import Int64
from gatewright_sim.components.vector_rows import row_shape

MAX_COLUMNS = 32
ROWS = 6


def unpacked(
    lanes: int, elements: Int64, columns: int, kind: ElementType, column: bool, rng: np.random.Generator
) -> Int64:
    """What comes out for rows of ``elements``, cut to ``columns``, under pauses on both sides."""
    dut = Unpacker(MAX_COLUMNS, lanes)
    beats = []
    for row in elements.astype(kind.dtype):
        raw = row.tobytes()
        raw += rng.bytes(-len(raw) % BUS_BYTES)  # noise behind a row
        beats += np.frombuffer(raw, "<u8").tolist()
    groups = -(-columns // lanes)
    got: list[Any] = []

    async def setup(ctx: Any) -> None:
        ctx.set(dut.kind, kind)
        ctx.set(dut.column, column)
        ctx.set(dut.row, row_shape(columns, lanes))

    simulate(
        dut,
        setup,
        put_all(dut.beats, beats, random_pauses(rng, 0, 0, 3)),
        get_all(dut.group, ROWS * groups, got, random_pauses(rng, 0, 0, 0, 5)),
    )
    return np.array([list(group) for group in got]).reshape(ROWS, -1)[:, :columns]


@pytest.mark.parametrize("kind", ElementType)
@pytest.mark.parametrize("columns", [1, 2, 3, 4, 6, 9, 32])
def test_rows_of_elements(lanes: int, columns: int, kind: ElementType, rng: np.random.Generator) -> None:
    limits = np.iinfo(kind.dtype)
    elements = rng.integers(limits.min, limits.max, (ROWS, columns), endpoint=True)
    elements[0], elements[1] = limits.min, limits.max
    np.testing.assert_array_equal(unpacked(lanes, elements, columns, kind, False, rng), elements)


@pytest.mark.parametrize("kind", ElementType)
@pytest.mark.parametrize("columns", [1, 4, 11])
def test_one_element_for_a_row(lanes: int, columns: int, kind: ElementType, rng: np.random.Generator) -> None:
    limits = np.iinfo(kind.dtype)
    elements = rng.integers(limits.min, limits.max, (ROWS, 1), endpoint=True)
    got = unpacked(lanes, elements, columns, kind, True, rng)
    np.testing.assert_array_equal(got, np.broadcast_to(elements, (ROWS, columns)))


@pytest.mark.parametrize("kind", ElementType)
def test_a_group_a_cycle_or_a_beat_a_cycle(lanes: int, kind: ElementType) -> None:
    dut = Unpacker(MAX_COLUMNS, lanes)
    cycles = 16 * max(1, lanes * kind.nbytes // BUS_BYTES)
    got: list[Any] = []

    async def supply(ctx: Any) -> None:
        ctx.set(dut.kind, kind)
        ctx.set(dut.row, row_shape(MAX_COLUMNS, lanes))
        ctx.set(dut.beats.valid, 1)

    simulate(dut, supply, get_all(dut.group, 16, got), cycles=cycles + 2)
    assert len(got) == 16
