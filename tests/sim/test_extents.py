"""The bytes that :mod:`gatewright.spec.extents` names are those that golden and RTL touch, to the beat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from gatewright.driver import Accelerator, AcceleratorError
from gatewright.spec.commands import (
    AGGREGATE,
    ATTENTION,
    GEMM,
    VECTOR,
    AttentionFlags,
    CommandSpec,
    GemmFlags,
    VectorFlags,
    decode,
    encode,
)
from gatewright.spec.errors import ErrorCode
from gatewright.spec.extents import Operand, operands
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import Combine, ElementType, Function

GUARD = 64
"""Bytes before and after each operand that are nobody's."""

_PRODUCT = {"m": 5, "n": 9, "k": 21, "a_stride": 40, "b_stride": 48, "c_stride": 56}
_HEADS = {"seq_q": 3, "seq_kv": 11, "heads": 2, "head_dim": 8} | {f"{name}_stride": 40 for name in "qkvo"}
_GRAPH = {"rows": 3, "cols": 4, "nnz": 3, "features": 13, "x_stride": 32, "y_stride": 40}
_ROWS = {"rows": 3, "cols": 11, "a_stride": 64, "b_stride": 64, "y_stride": 64, "a_multiplier": 1}
CASES: dict[str, tuple[CommandSpec, int, dict[str, int]]] = {
    "gemm": (GEMM, GemmFlags.OUT_INT32, _PRODUCT),
    "gemm of one row": (GEMM, GemmFlags.OUT_INT32, _PRODUCT | {"m": 1}),
    "gemm with records": (GEMM, GemmFlags.PARAMS, _PRODUCT),
    "gemm to int16": (GEMM, GemmFlags.PARAMS | GemmFlags.OUT_INT16, _PRODUCT),
    "gemm of B [k, n]": (GEMM, GemmFlags.OUT_INT32 | GemmFlags.B_KN, _PRODUCT),
    "gemm with A resident": (GEMM, GemmFlags.OUT_INT32 | GemmFlags.A_RESIDENT, _PRODUCT),
    "attention": (ATTENTION, 0, _HEADS),
    "attention with a mask": (ATTENTION, AttentionFlags.KEY_MASK | AttentionFlags.OUT_INT16, _HEADS),
    "causal attention": (ATTENTION, AttentionFlags.CAUSAL, _HEADS),
    "aggregate": (AGGREGATE, 0, _GRAPH),
    "vector": (VECTOR, 0, _ROWS | {"y_type": ElementType.INT16}),
    "vector of a repeated row": (VECTOR, 0, _ROWS | {"a_stride": 0, "a_type": ElementType.INT32}),
    "vector sum": (VECTOR, VectorFlags.PER_COLUMN, _ROWS | {"combine": Combine.ADD, "b_type": ElementType.INT16}),
    "vector by column": (VECTOR, VectorFlags.B_COLUMN, _ROWS | {"combine": Combine.MULTIPLY}),
    "vector table": (VECTOR, 0, _ROWS | {"function": Function.TABLE, "y_type": ElementType.INT32}),
}


class Placed:
    """A command whose operands lie in memory, each with a guard around it."""

    def __init__(self, accelerator: Accelerator, spec: CommandSpec, flags: int, fields: dict[str, int]) -> None:
        self.accelerator = accelerator
        values = {field.name: 0 for field in spec.fields} | fields
        for operand in operands(decode(encode(spec, flags, **values))):
            content = np.zeros(operand.end + 2 * GUARD, np.uint8)
            if operand.field in _GRAPH_DATA:
                data = _GRAPH_DATA[operand.field].view(np.uint8)
                content[GUARD : GUARD + len(data)] = data
            values[operand.field] = accelerator.upload(content).address + GUARD
        self.command = encode(spec, flags, **values)
        self.operands = operands(decode(self.command))

    def outcome(self, at: int) -> ErrorCode:
        """What the command ends with when the beat at an address answers SLVERR."""
        faults = self.accelerator.backend.faults
        start = at // BUS_BYTES * BUS_BYTES
        faults.slverr = (start, start + BUS_BYTES)
        try:
            self.accelerator.run([self.command])
        except AcceleratorError as error:
            return ErrorCode(error.code)
        finally:
            faults.slverr = (0, 0)
        return ErrorCode.NONE


_GRAPH_DATA = {
    "row_ptr_addr": np.array([0, 1, 2, 3], np.uint32),
    "col_addr": np.array([0, 3, 1], np.uint32),  # the first and the last row of X
}


def _touched(operand: Operand) -> Iterator[int]:
    yield operand.address
    yield operand.end - 1


def _untouched(operand: Operand) -> Iterator[int]:
    yield operand.address - 1
    yield -(-operand.end // BUS_BYTES) * BUS_BYTES
    if operand.rows > 1 and operand.stride >= operand.row_bytes + BUS_BYTES:
        yield operand.address + operand.stride - 1


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", ["golden", "rtl"])
def test_each_operand_is_touched_from_its_first_beat_to_its_last(backend: str, case: str) -> None:
    spec, flags, fields = CASES[case]
    with Accelerator("tiny", backend) as accelerator:
        placed = Placed(accelerator, spec, flags, fields)
        for operand in placed.operands:
            error = ErrorCode.WRITE_SLVERR if operand.written else ErrorCode.READ_SLVERR
            assert [placed.outcome(at) for at in _touched(operand)] == [error] * 2, operand
            assert {placed.outcome(at) for at in _untouched(operand)} == {ErrorCode.NONE}, operand


@pytest.mark.parametrize("case", CASES)
def test_an_operand_is_named_once_and_by_an_address_field(case: str) -> None:
    spec, flags, fields = CASES[case]
    values = {field.name: 0 for field in spec.fields} | fields
    found = [operand.field for operand in operands(decode(encode(spec, flags, **values)))]
    assert len(set(found)) == len(found)
    assert set(found) <= {field.name for field in spec.fields if field.name.endswith("_addr")}
    assert [operand.written for operand in operands(decode(encode(spec, flags, **values)))].count(True) == 1
