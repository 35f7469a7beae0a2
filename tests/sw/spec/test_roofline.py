"""Rooflines: the work and the bytes of each command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.spec.commands import (
    AGGREGATE,
    ATTENTION,
    GEMM,
    VECTOR,
    AttentionFlags,
    CommandSpec,
    DecodedCommand,
    GemmFlags,
    VectorFlags,
    decode,
    encode,
)
from gatewright.spec.config import get_config
from gatewright.spec.dram import DDR3_1050_X16
from gatewright.spec.memory import MemoryModel
from gatewright.spec.roofline import roofline
from gatewright.spec.vector import Combine, ElementType, Function

TINY = get_config("tiny")


def _command(spec: CommandSpec, flags: int, **values: int) -> DecodedCommand:
    return decode(encode(spec, flags, **({field.name: 0 for field in spec.fields} | values)))


def _vector(flags: int = 0, **values: int) -> DecodedCommand:
    return _command(VECTOR, flags, **{"rows": 3, "cols": 5, "a_stride": 8, "b_stride": 8} | values)


def _pairs(queries: int, keys: int) -> int:
    return sum(j <= i + keys - queries for i in range(queries) for j in range(keys))


@pytest.mark.parametrize(
    ("command", "macs", "read", "written"),
    [
        (_command(GEMM, GemmFlags.OUT_INT32 | GemmFlags.B_NARROW, m=3, n=5, k=7), 105, 21 + 35, 60),
        (_command(GEMM, GemmFlags.OUT_INT32, m=3, n=5, k=7), 105, 21 + 35, 60),
        (_command(GEMM, GemmFlags.PARAMS, m=3, n=5, k=7), 105, 21 + 35 + 40, 15),
        (_command(ATTENTION, 0, seq_q=3, seq_kv=10, heads=2, head_dim=8), 2 * 30 * 16, 23 * 16, 48),
        (_command(ATTENTION, AttentionFlags.KEY_MASK, seq_q=3, seq_kv=10, heads=2, head_dim=8), 960, 23 * 16 + 2, 48),
        *(
            (
                _command(ATTENTION, AttentionFlags.CAUSAL, seq_q=queries, seq_kv=keys, heads=1, head_dim=8),
                16 * _pairs(queries, keys),
                8 * (queries + 2 * keys),
                8 * queries,
            )
            for queries, keys in ((1, 1), (4, 4), (3, 10), (10, 3))
        ),
        (_command(AGGREGATE, 0, rows=4, cols=9, nnz=6, features=10), 60, 20 + 6 * 16, 40),
        (_command(GEMM, GemmFlags.PARAMS | GemmFlags.OUT_INT16, m=3, n=5, k=7), 105, 21 + 35 + 40, 30),
        (_command(ATTENTION, AttentionFlags.OUT_INT16, seq_q=3, seq_kv=10, heads=2, head_dim=8), 960, 23 * 16, 96),
        (_vector(a_type=ElementType.INT16, y_type=ElementType.INT8), 15, 30 + 8, 15),
        (_vector(a_stride=0, a_type=ElementType.INT32, y_type=ElementType.INT16), 15, 20 + 8, 30),
        (_vector(VectorFlags.PER_COLUMN, function=Function.TABLE, y_type=ElementType.INT32), 15, 15 + 40 + 2048, 60),
        (_vector(combine=Combine.ADD, b_type=ElementType.INT16), 15, 15 + 30 + 8, 15),
        (_vector(combine=Combine.ADD, b_type=ElementType.INT16, b_stride=0), 15, 15 + 10 + 8, 15),
        (_vector(VectorFlags.B_COLUMN, combine=Combine.MULTIPLY, b_type=ElementType.INT16), 15, 15 + 6 + 8, 15),
        (_vector(VectorFlags.B_COLUMN, combine=Combine.MULTIPLY, b_stride=0), 15, 15 + 1 + 8, 15),
    ],
)
def test_roofline(command: DecodedCommand, macs: int, read: int, written: int) -> None:
    bounds = roofline(command, TINY)
    assert (bounds.macs, bounds.read_bytes, bounds.written_bytes) == (macs, read, written)
    rate = {AGGREGATE: TINY.aggregate_lanes, VECTOR: TINY.vector_lanes}.get(command.spec, TINY.macs_per_cycle)
    if command.spec is GEMM and not command.flags & GemmFlags.B_NARROW:
        rate //= 2  # elements of -128 take multipliers for themselves
    assert bounds.min_cycles_compute == -(-macs // rate)
    assert bounds.min_cycles_memory == MemoryModel().min_cycles(read, written, TINY.read_ports)
    assert bounds.min_cycles == max(bounds.min_cycles_compute, bounds.min_cycles_memory)
    slow = roofline(command, TINY, MemoryModel(dram=replace(DDR3_1050_X16, mega_transfers=50.0)))
    assert slow.min_cycles_memory == read + written


@pytest.mark.parametrize(("lanes", "cycles"), [(2, 8), (4, 4)])
def test_a_vector_command_takes_the_lanes_of_the_configuration(lanes: int, cycles: int) -> None:
    """Fifteen elements."""
    assert roofline(_vector(), replace(TINY, vector_lanes=lanes)).min_cycles_compute == cycles


@pytest.mark.parametrize(("lanes", "cycles"), [(16, 19), (8, 38), (4, 75), (2, 150)])
def test_an_aggregation_counts_with_its_lanes(lanes: int, cycles: int) -> None:
    command = _command(AGGREGATE, 0, rows=4, cols=9, nnz=30, features=10)
    assert roofline(command, replace(TINY, aggregate_lanes=lanes, kept_words=0)).min_cycles_compute == cycles


@pytest.mark.parametrize(("words", "rows"), [(0, 36), (16, 8), (64, 9)])
def test_an_aggregation_reads_the_rows_that_it_keeps_for_sure(words: int, rows: int) -> None:
    """Of 36 edges and nine columns; without any that are kept, a row for each edge."""
    command = _command(AGGREGATE, 0, rows=4, cols=9, nnz=36, features=10)
    once = 20 + 36 * 6
    assert roofline(command, replace(TINY, kept_words=words)).read_bytes == once + 10 * rows
