"""VECTOR in memory: where operands, records, table and result lie, and what the bus may answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gatewright.spec.commands import VECTOR, VECTOR_PARAMS_DTYPE, VectorFlags, encode
from gatewright.spec.errors import ErrorCode
from gatewright.spec.vector import TABLE_ENTRIES, Combine, ElementType, Function, table_records
from gatewright_sim.memory import SimulatedMemory

BASE, SIZE = 0x1000_0000, 1 << 16
A, B, Y, PARAMS, TABLE = (BASE + page * 0x2000 for page in range(1, 6))
ROWS, COLS, STRIDE = 3, 5, 24
INT8, INT16, INT32, UINT8 = ElementType
FIELDS = {
    "a_addr": A, "b_addr": B, "y_addr": Y, "params_addr": PARAMS, "table_addr": TABLE, "rows": ROWS, "cols": COLS,
    "a_stride": STRIDE, "b_stride": STRIDE, "y_stride": STRIDE, "a_multiplier": 1, "b_multiplier": 1, "epsilon": 0,
    "epsilon_high": 0, "combine_shift": 0, "combine": Combine.ALONE, "function": Function.NONE, "a_type": INT16,
    "b_type": INT16, "y_type": INT32,
}  # fmt: skip


class Bench:
    """A memory with an identity record, and a command's run on it."""

    def __init__(self, run: Callable[[bytes, SimulatedMemory], ErrorCode]) -> None:
        self._run = run
        self.memory = SimulatedMemory(BASE, SIZE)
        self.records((0, 256, 8))

    def records(self, *records: tuple[int, int, int]) -> None:
        """(bias, gain, shift) of the records; their unused bits are ones."""
        values = np.array([(bias, gain, shift | 0xC0, 0xFF) for bias, gain, shift in records], VECTOR_PARAMS_DTYPE)
        self.rows(PARAMS, values[None])

    def rows(self, address: int, values: np.ndarray, stride: int = STRIDE) -> None:
        """Write a matrix."""
        self.memory.write_rows(address, np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1), stride)

    def run(self, flags: int = 0, **changes: int) -> ErrorCode:
        return self._run(encode(VECTOR, flags, **(FIELDS | changes)), self.memory)

    def result(self, flags: int = 0, **changes: int) -> np.ndarray:
        """Y as written."""
        assert self.run(flags, **changes) is ErrorCode.NONE
        kind = ElementType(changes.get("y_type", INT32)).dtype
        stride = changes.get("y_stride", STRIDE)
        return self.memory.read_rows(Y, ROWS, COLS * kind.itemsize, stride).view(kind)


@pytest.fixture
def bench(run: Callable[[bytes, SimulatedMemory], ErrorCode]) -> Bench:
    return Bench(run)


def _matrix(kind: ElementType, rows: int = ROWS, columns: int = COLS) -> np.ndarray:
    limits = np.iinfo(kind.dtype)
    step = (limits.max - limits.min) // (rows * columns)
    return (limits.min + step * np.arange(rows * columns)).reshape(rows, columns).astype(kind.dtype)


@pytest.mark.parametrize("kind", ElementType)
def test_each_type_of_a_and_y(bench: Bench, kind: ElementType) -> None:
    a = _matrix(kind) >> (8 if kind is INT32 else 0)  # a value has 24 bits
    bench.rows(A, a)
    np.testing.assert_array_equal(bench.result(a_type=kind), a)
    wide = np.arange(-7, 8, dtype=np.int32).reshape(ROWS, COLS) * 5000
    bench.rows(A, wide)
    limits = np.iinfo(kind.dtype)
    np.testing.assert_array_equal(bench.result(a_type=INT32, y_type=kind), np.clip(wide, limits.min, limits.max))


@pytest.mark.parametrize("kind", ElementType)
def test_each_type_of_b(bench: Bench, kind: ElementType) -> None:
    a, b = _matrix(INT8).astype(np.int16), _matrix(kind) >> (9 if kind is INT32 else 0)
    bench.rows(A, a)
    bench.rows(B, b)
    fields = {"combine": Combine.ADD, "b_type": kind, "b_multiplier": -1}
    np.testing.assert_array_equal(bench.result(**fields), a.astype(np.int64) - b)


@pytest.mark.parametrize(("combine", "of"), [(Combine.ADD, np.add), (Combine.MULTIPLY, np.multiply)])
@pytest.mark.parametrize("stride", [0, STRIDE])
@pytest.mark.parametrize("flags", [0, VectorFlags.B_COLUMN])
def test_the_broadcasts_of_b(bench: Bench, flags: int, stride: int, combine: Combine, of: np.ufunc) -> None:
    a, b = np.arange(15, dtype=np.int16).reshape(ROWS, COLS), _matrix(INT16)
    bench.rows(A, a)
    bench.rows(B, b)
    operand = b[: ROWS if stride else 1, : 1 if flags else COLS]
    expected = of(a.astype(np.int64), operand)
    np.testing.assert_array_equal(bench.result(flags, combine=combine, b_stride=stride), expected)


@pytest.mark.parametrize("b_stride", [0, STRIDE])
def test_a_repeats_its_first_row(bench: Bench, b_stride: int) -> None:
    a, b = _matrix(INT16), np.arange(15, dtype=np.int16).reshape(ROWS, COLS)
    bench.rows(A, a)
    bench.rows(B, b)
    expected = a[:1].astype(np.int64) + (b if b_stride else b[:1])
    result = bench.result(combine=Combine.ADD, a_stride=0, b_stride=b_stride)
    np.testing.assert_array_equal(result, np.broadcast_to(expected, (ROWS, COLS)))
    np.testing.assert_array_equal(bench.result(a_stride=0), np.broadcast_to(a[:1], (ROWS, COLS)))


def test_multiplying_saturates_b_to_16_bits(bench: Bench) -> None:
    bench.rows(A, np.full((ROWS, COLS), 3, np.int16))
    bench.rows(B, np.resize(np.array([1 << 30, -(1 << 30), 5], np.int32), (ROWS, COLS)))
    result = bench.result(combine=Combine.MULTIPLY, b_type=INT32)
    np.testing.assert_array_equal(result.ravel()[:3], [3 * 32767, -3 * 32768, 15])


def test_a_record_per_column(bench: Bench) -> None:
    a = _matrix(INT16)
    bench.rows(A, a)
    bench.records(*((256 * column, 64, 8 - column) for column in range(COLS)))  # shifts below 8 count as 8
    expected = np.rint(a / 4 + np.arange(COLS))
    np.testing.assert_array_equal(bench.result(VectorFlags.PER_COLUMN), expected)
    np.testing.assert_array_equal(bench.result(), np.rint(a / 4))


def test_a_table(bench: Bench) -> None:
    bench.rows(A, _matrix(INT16))
    bench.rows(TABLE, table_records(lambda x: -x, 2.0, 2.0).reshape(1, -1))
    expected = np.clip(-_matrix(INT16).astype(np.int64), None, 32767)
    assert np.abs(bench.result(function=Function.TABLE) - expected).max() <= 1
    assert TABLE + 4 * TABLE_ENTRIES < BASE + SIZE


def test_epsilon_has_48_bits(bench: Bench) -> None:
    """With an epsilon that is n**2 times the mean square of the row again, a root mean square norm has its half."""
    bench.rows(A, np.full((ROWS, COLS), 20000, np.int16))
    epsilon = COLS * COLS * 20000**2
    halves = {"epsilon": epsilon & 0xFFFF_FFFF, "epsilon_high": epsilon >> 32}
    assert epsilon >> 32
    fields = {"function": Function.RMS_NORM, **halves}
    assert np.abs(bench.result(**fields) - (1 << 14) / np.sqrt(2)).max() <= 1


def test_in_place_and_rows_that_overlap(bench: Bench) -> None:
    a = _matrix(INT16)
    bench.rows(A, a)
    assert bench.run(y_addr=A, y_type=INT16) is ErrorCode.NONE
    np.testing.assert_array_equal(bench.memory.read_rows(A, ROWS, 2 * COLS, STRIDE).view(np.int16), a)
    last = bench.result(y_stride=0)
    np.testing.assert_array_equal(last[0], a[-1])


END = BASE + SIZE


@pytest.mark.parametrize(
    ("flags", "changes", "error"),
    [
        (0, {"a_addr": END}, ErrorCode.READ_DECERR),
        (0, {"a_addr": END - 2 * STRIDE - 8}, ErrorCode.READ_DECERR),  # the second beat of the last row
        (0, {"a_addr": END - 2 * STRIDE - 8, "cols": 4}, ErrorCode.NONE),
        (0, {"a_addr": END - 16, "a_stride": 0}, ErrorCode.NONE),  # only the first row is read
        (0, {"b_addr": 0}, ErrorCode.NONE),  # ALONE does not read B
        (0, {"b_addr": END - 8, "combine": Combine.ADD}, ErrorCode.READ_DECERR),
        (VectorFlags.B_COLUMN, {"b_addr": END - 2 * STRIDE - 8, "combine": Combine.ADD}, ErrorCode.NONE),
        (VectorFlags.B_COLUMN, {"b_addr": END - 8, "combine": Combine.ADD}, ErrorCode.READ_DECERR),
        (VectorFlags.B_COLUMN, {"b_addr": END - 8, "b_stride": 0, "combine": Combine.ADD}, ErrorCode.NONE),
        (0, {"params_addr": END - 8}, ErrorCode.NONE),
        (VectorFlags.PER_COLUMN, {"params_addr": END - 8}, ErrorCode.READ_DECERR),
        (0, {"table_addr": END - 8}, ErrorCode.NONE),  # only TABLE reads it
        (0, {"table_addr": END - 8, "function": Function.TABLE}, ErrorCode.READ_DECERR),
        (0, {"table_addr": END - 4 * TABLE_ENTRIES, "function": Function.TABLE}, ErrorCode.NONE),
        (0, {"y_addr": END - 8}, ErrorCode.WRITE_DECERR),
        (0, {"y_addr": END - 8, "a_addr": 0}, ErrorCode.READ_DECERR),  # a read comes before a write
    ],
)
def test_the_end_of_the_memory(bench: Bench, flags: int, changes: dict[str, int], error: ErrorCode) -> None:
    assert bench.run(flags, **changes) is error


@pytest.mark.parametrize(
    ("address", "error"),
    [(A, ErrorCode.READ_SLVERR), (PARAMS, ErrorCode.READ_SLVERR), (Y, ErrorCode.WRITE_SLVERR), (B, ErrorCode.NONE)],
)
def test_slverr(bench: Bench, address: int, error: ErrorCode) -> None:
    bench.memory.faults.slverr = (address, address + 8)
    assert bench.run() is error
