"""Laying commands out in a memory."""

from __future__ import annotations

import numpy as np
import pytest

from gatewright.spec.commands import COMMANDS, Opcode, check, decode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright_sim.commands import RANDOM, Layout, LayoutFull
from gatewright_sim.commands.layout import padded_rows

TINY = get_config("tiny")


def test_arrays_do_not_overlap_and_are_in_both_memories(rng: np.random.Generator) -> None:
    layout = Layout(rng, 4096)
    arrays = [rng.integers(0, 256, int(size), np.uint8) for size in rng.integers(1, 100, 12)]
    ranges = [layout.put(array) for array in arrays]
    for array, (start, end), (after, _) in zip(arrays, ranges, [*ranges[1:], (4096, 0)], strict=True):
        assert start % 8 == end % 8 == 0
        assert start + len(array) <= end <= after
        assert np.array_equal(layout.before[start : start + len(array)], array)
    assert np.array_equal(layout.before, layout.after)


def test_a_full_layout_is_said(rng: np.random.Generator) -> None:
    layout = Layout(rng, 512)
    with pytest.raises(LayoutFull, match=r"513 bytes at [\d,]+ do not fit a memory of 512"):
        layout.put(np.zeros(513, np.uint8))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_padded_rows_keep_their_values_and_a_legal_stride(dtype: type, rng: np.random.Generator) -> None:
    values = rng.integers(-100, 100, (3, 5)).astype(dtype)
    rows = padded_rows(rng, values)
    assert rows.shape[1] % 8 == 0
    assert rows.shape[1] >= values[0].nbytes
    assert np.array_equal(rows[:, : values[0].nbytes].copy().view(dtype), values)


def test_only_the_result_is_expected_to_change(rng: np.random.Generator) -> None:
    layout = Layout(rng, 1024)
    rows = padded_rows(rng, np.zeros((4, 3), np.int8))
    start, end = layout.put(rows)
    layout.expect(start, rows, np.full((2, 3), 7, np.int8))  # two of four rows
    changed = np.flatnonzero(layout.after != layout.before)
    stride = rows.shape[1]
    assert changed.tolist() == [start + row * stride + column for row in range(2) for column in range(3)]
    assert changed.max() < end


@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("opcode", Opcode)
def test_random_commands_are_valid(opcode: Opcode, number: int, rng: np.random.Generator) -> None:
    placed = RANDOM[opcode](rng, TINY).place(Layout(rng, 1 << 20))
    assert check(placed.command, TINY) == (ErrorCode.NONE, 0)
    assert decode(placed.command).spec is COMMANDS[opcode]
    assert all(start % 8 == end % 8 == 0 and start <= end for start, end in placed.reads)
