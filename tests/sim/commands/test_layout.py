"""Laying commands out in a memory."""

from __future__ import annotations

import numpy as np
import pytest

from gatewright.spec.commands import COMMANDS, Opcode, check, decode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright_sim.commands import RANDOM, Layout, LayoutFull
from gatewright_sim.commands.layout import ADDRESS_SPACE, changed, exchange, lines, padded_rows, row_ranges

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


def test_places_and_strides_are_all_over_where_the_memory_is_seen(rng: np.random.Generator) -> None:
    size = 1 << 12
    layout = Layout(rng, size, ADDRESS_SPACE // size)
    places = [layout.put(np.full(8, number, np.uint8)) for number in range(20)]
    assert all(layout.before[start % size] == number for number, (start, _) in enumerate(places))
    seen = np.array([start // size for start, _ in places], np.uint32)
    assert np.bitwise_or.reduce(seen) == np.bitwise_or.reduce(~seen & 0xFFFFF) == ADDRESS_SPACE // size - 1
    strides = [layout.stride(24) for _ in range(20)]
    assert {stride % size for stride in strides} == {24}
    assert 24 in strides
    assert max(strides) > size


@pytest.mark.parametrize(
    ("start", "stride", "nbytes", "ranges"),
    [
        (64, 16, 9, [(64, 112)]),  # side by side
        (64, 24, 9, [(64, 80), (88, 104), (112, 128)]),
        (64, 0, 8, [(64, 72)]),
        (ADDRESS_SPACE - 8, 1 << 31, 1, [((1 << 31) - 8, 1 << 31), (ADDRESS_SPACE - 8, ADDRESS_SPACE)]),
    ],
)
def test_rows_lie_in_whole_beats(start: int, stride: int, nbytes: int, ranges: list[tuple[int, int]]) -> None:
    assert row_ranges(start, 3, stride, nbytes) == ranges


@pytest.mark.parametrize(
    ("start", "nbytes", "count"),
    [(0, 0, 0), (0, 1, 1), (0, 128, 1), (0, 129, 2), (120, 8, 1), (120, 9, 2), (128, 128, 1), (8, 256, 3)],
)
def test_a_burst_ends_with_its_line(start: int, nbytes: int, count: int) -> None:
    assert lines(start, nbytes) == count


def test_only_the_named_fields_are_exchanged(rng: np.random.Generator) -> None:
    command = RANDOM[Opcode.GEMM](rng, TINY).place(Layout(rng, 1 << 20)).command
    before, after = decode(command), decode(changed(command, exchange(m=123456)))
    assert after.values == {**before.values, "m": 123456}
    assert after.flags == before.flags


@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("opcode", Opcode)
def test_random_commands_are_valid(opcode: Opcode, number: int, rng: np.random.Generator) -> None:
    placed = RANDOM[opcode](rng, TINY).place(Layout(rng, 1 << 20))
    assert check(placed.command, TINY) == (ErrorCode.NONE, 0)
    assert decode(placed.command).spec is COMMANDS[opcode]
    assert all(start % 8 == end % 8 == 0 and start <= end for start, end in placed.reads + placed.writes)
