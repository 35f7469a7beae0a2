"""What each command does to memory: operands out, a golden kernel, the result back. One function per opcode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import (
    GEMM_PARAMS_DTYPE,
    VECTOR_PARAMS_DTYPE,
    AttentionFlags,
    DecodedCommand,
    GemmFlags,
    Opcode,
    VectorFlags,
)
from gatewright.spec.errors import ErrorCode
from gatewright.spec.fixed import SHIFT_MAX, Requantise
from gatewright.spec.vector import TABLE_ENTRIES, Combine, ElementType, Function
from gatewright.spec.vector_op import Record, VectorOp
from gatewright_sim.golden.aggregate import aggregate, first_fault
from gatewright_sim.golden.attention import attention
from gatewright_sim.golden.gemm import gemm
from gatewright_sim.golden.vector import vector
from gatewright_sim.memory import BusFault, SimulatedMemory

__all__ = ["execute"]

_GEMM_RECORD = np.dtype(GEMM_PARAMS_DTYPE)
_VECTOR_RECORD = np.dtype(VECTOR_PARAMS_DTYPE)


class _Operands:
    """Reads a command's operands; a bus error does not stop it, as it does not stop an engine."""

    def __init__(self, memory: SimulatedMemory) -> None:
        self._memory = memory
        self._slverr = False
        self._decerr = False

    def _note(self, fault: BusFault) -> None:
        self._slverr |= fault.slverr
        self._decerr |= fault.decerr

    def rows(self, address: int, rows: int, columns: int, stride: int, dtype: Any = np.int8) -> npt.NDArray[Any]:
        """A matrix, int8 unless ``dtype`` says otherwise; zeros where the bus failed."""
        kind = np.dtype(dtype)
        try:
            return self._memory.read_rows(address, rows, columns * kind.itemsize, stride).view(kind)
        except BusFault as fault:
            self._note(fault)
            return np.zeros((rows, columns), kind)

    def vector(self, address: int, count: int, dtype: Any) -> npt.NDArray[Any]:
        """A vector that lies without gaps."""
        return self.rows(address, 1, count, 0, dtype)[0] if count else np.zeros(0, dtype)

    def gather(
        self, address: int, index: npt.NDArray[np.integer[Any]], columns: int, stride: int
    ) -> npt.NDArray[np.int8]:
        """The rows of an int8 matrix that ``index`` names."""
        try:
            return self._memory.read_gather(address, index, columns, stride).view(np.int8)
        except BusFault as fault:
            self._note(fault)
            return np.zeros((len(index), columns), np.int8)

    @property
    def error(self) -> ErrorCode:
        """The error of the reads so far."""
        if self._slverr:
            return ErrorCode.READ_SLVERR
        return ErrorCode.READ_DECERR if self._decerr else ErrorCode.NONE


Result = tuple[ErrorCode, npt.NDArray[Any] | None]


def _gemm(command: DecodedCommand, operands: _Operands) -> Result:
    m, n, k = command["m"], command["n"], command["k"]
    a = operands.rows(command["a_addr"], m, k, command["a_stride"])
    if command.flags & GemmFlags.B_KN:
        b = operands.rows(command["b_addr"], k, n, command["b_stride"]).T
    else:
        b = operands.rows(command["b_addr"], n, k, command["b_stride"])
    bias = multiplier = shift = None
    if command.flags & GemmFlags.PARAMS:
        params = operands.vector(command["params_addr"], n, _GEMM_RECORD)
        bias = params["bias"]
        if not command.flags & GemmFlags.OUT_INT32:
            multiplier, shift = params["multiplier"], params["shift"] & SHIFT_MAX
    return ErrorCode.NONE, gemm(a, b, bias, multiplier, shift, 16 if command.flags & GemmFlags.OUT_INT16 else 8)


def _attention(command: DecodedCommand, operands: _Operands) -> Result:
    keys, width = command["seq_kv"], command["heads"] * command["head_dim"]
    q = operands.rows(command["q_addr"], command["seq_q"], width, command["q_stride"])
    k = operands.rows(command["k_addr"], keys, width, command["k_stride"])
    v = operands.rows(command["v_addr"], keys, width, command["v_stride"])
    mask = None
    if command.flags & AttentionFlags.KEY_MASK:
        bits = operands.vector(command["mask_addr"], -(-keys // 8), np.uint8)
        mask = np.unpackbits(bits, count=keys, bitorder="little").astype(bool)
    score = Requantise(command["score_multiplier"], command["score_shift"])
    out = Requantise(command["out_multiplier"], command["out_shift"])
    causal = bool(command.flags & AttentionFlags.CAUSAL)
    bits = 16 if command.flags & AttentionFlags.OUT_INT16 else 8
    return ErrorCode.NONE, attention(q, k, v, command["heads"], score, out, causal, mask, bits)


def _aggregate(command: DecodedCommand, operands: _Operands) -> Result:
    row_ptr = operands.vector(command["row_ptr_addr"], command["rows"] + 1, np.uint32)
    if operands.error:
        return ErrorCode.NONE, None
    col = operands.vector(command["col_addr"], command["nnz"], np.uint32)
    weight = operands.vector(command["weight_addr"], command["nnz"], np.int16)
    fault, _ = first_fault(row_ptr, col, command["cols"], command["nnz"])
    if fault is not ErrorCode.NONE:
        return fault, None
    used, compact = np.unique(col[: row_ptr[-1]], return_inverse=True)  # rows that no edge names are not read
    x = operands.gather(command["x_addr"], used, command["features"], command["x_stride"])
    if not len(used):
        x = np.zeros((1, command["features"]), np.int8)
    return ErrorCode.NONE, aggregate(
        row_ptr, compact, weight[: row_ptr[-1]], x, Requantise(command["multiplier"], command["shift"])
    )


def _vector(command: DecodedCommand, operands: _Operands) -> Result:
    rows, cols = command["rows"], command["cols"]
    function, combine = Function(command["function"]), Combine(command["combine"])

    def operand(name: str, columns: int) -> npt.NDArray[Any]:
        stride = command[f"{name}_stride"]  # 0: the same row for all
        kind = ElementType(command[f"{name}_type"]).dtype
        return operands.rows(command[f"{name}_addr"], rows if stride else 1, columns, stride, kind)

    a = operand("a", cols)
    b = None if combine is Combine.ALONE else operand("b", 1 if command.flags & VectorFlags.B_COLUMN else cols)
    count = cols if command.flags & VectorFlags.PER_COLUMN else 1
    params = operands.vector(command["params_addr"], count, _VECTOR_RECORD)
    table = None
    if function is Function.TABLE:
        table = operands.vector(command["table_addr"], 2 * TABLE_ENTRIES, np.int16).reshape(TABLE_ENTRIES, 2)
    op = VectorOp(
        ElementType(command["y_type"]),
        Record(params["gain"], params["shift"] & SHIFT_MAX, params["bias"]),
        combine,
        command["a_multiplier"],
        command["b_multiplier"],
        command["combine_shift"],
        function,
        command["epsilon_high"] << 32 | command["epsilon"],
        table,
    )
    y = vector(op, a, b)
    return ErrorCode.NONE, y if len(y) == rows else np.broadcast_to(y, (rows, cols))


_ENGINES: dict[Opcode, tuple[Callable[[DecodedCommand, _Operands], Result], str]] = {
    Opcode.GEMM: (_gemm, "c"),
    Opcode.ATTENTION: (_attention, "o"),
    Opcode.AGGREGATE: (_aggregate, "y"),
    Opcode.VECTOR: (_vector, "y"),
}
"""Function and the name of the output, by opcode."""


def execute(command: DecodedCommand, memory: SimulatedMemory) -> ErrorCode:
    """Run one valid command. Returns NONE or what went wrong; of several things a bus error before the engine's own."""
    engine, output = _ENGINES[command.spec.opcode]
    operands = _Operands(memory)
    fault, result = engine(command, operands)
    if operands.error is not ErrorCode.NONE:
        return operands.error
    if fault is not ErrorCode.NONE or result is None:
        return fault
    try:
        memory.write_rows(command[f"{output}_addr"], _bytes(result), command[f"{output}_stride"])
    except BusFault as error:
        return ErrorCode.WRITE_SLVERR if error.slverr else ErrorCode.WRITE_DECERR
    return ErrorCode.NONE


def _bytes(matrix: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(matrix).view(np.uint8).reshape(len(matrix), -1)
