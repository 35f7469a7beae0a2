"""What each command does to memory: operands out, a golden kernel, the result back. One function per opcode.

A command runs in blocks of its result, so that none holds more than some hundred megabytes or runs for more than
about a second between two of them, whatever sizes a damaged program asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
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
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.fixed import SHIFT_MAX, Requantise
from gatewright.spec.kept_rows import kept_rows
from gatewright.spec.vector import TABLE_ENTRIES, Combine, ElementType, Function
from gatewright.spec.vector_op import Record, VectorOp
from gatewright_sim.golden.aggregate import accumulate, wrap
from gatewright_sim.golden.attention import attention
from gatewright_sim.golden.gemm import gemm
from gatewright_sim.golden.matrix_walk import walked
from gatewright_sim.golden.operands import Operand, Operands, blocks
from gatewright_sim.golden.vector import vector
from gatewright_sim.memory import SimulatedMemory

__all__ = ["execute"]

_ELEMENTS = 1 << 24
"""Most elements of an operand or a result in a block of a product."""
_INTERMEDIATE = 1 << 22
"""Most scores, accumulators or values of the vector engine in a block."""
_PRODUCTS = 1 << 32
"""Most multiplications in a block of a product."""
_EDGE_PRODUCTS = 1 << 24
"""Most weighted features that are added up at a time."""

Block = tuple[int, int, npt.NDArray[Any]]
"""A block of the result, and the row and the column of its first element."""
Blocks = Iterator[Block | None]
"""The blocks of a command's result; None before work begins on a block, where a command may be stopped."""


def _gemm(command: DecodedCommand, operands: Operands) -> Blocks:
    m, n, k, flags = command["m"], command["n"], command["k"], GemmFlags(command.flags)
    a = operands.matrix("a", m, k)
    b = operands.matrix("b", k, n) if flags & GemmFlags.B_KN else operands.matrix("b", n, k)
    for columns in blocks(n, max(_ELEMENTS // k // 8 * 8, 8)):
        width = columns.stop - columns.start
        b_nk = b[:, columns].T if flags & GemmFlags.B_KN else b[columns]
        bias = multiplier = shift = None
        if flags & GemmFlags.PARAMS:
            params = operands.vector("params", width, GEMM_PARAMS_DTYPE, columns.start)
            bias = params["bias"]
            if not flags & GemmFlags.OUT_INT32:
                multiplier, shift = params["multiplier"], params["shift"] & SHIFT_MAX
        after = _epilogue(command, operands, columns) if flags & GemmFlags.EPILOGUE else None
        for rows in blocks(m, min(_ELEMENTS // k, _ELEMENTS // width, _PRODUCTS // (width * k))):
            yield None
            part = a[rows]
            if not operands.error:
                bits = 16 if flags & GemmFlags.OUT_INT16 else 8
                narrow = bool(flags & GemmFlags.B_NARROW)
                product = gemm(part, b_nk, bias, multiplier, shift, bits, narrow)
                yield rows.start, columns.start, after(product, rows) if after else product


def _epilogue(
    command: DecodedCommand, operands: Operands, columns: slice
) -> Callable[[npt.NDArray[Any], slice], npt.NDArray[Any]]:
    """What becomes of the products of some rows and of ``columns`` on their way to memory."""
    m, n, per_column = command["m"], command["n"], GemmFlags.PER_COLUMN & command.flags
    count, first = (columns.stop - columns.start, columns.start) if per_column else (1, 0)
    records = operands.vector("out", count, VECTOR_PARAMS_DTYPE, first)
    op = _operation(command, operands, records, ElementType(command["c_type"]), "pd")

    def after(product: npt.NDArray[Any], rows: slice) -> npt.NDArray[Any]:
        d = None
        if op.combine is not Combine.ALONE:
            d = Operand(operands, command["d_addr"], command["c_stride"], m, n, op.y_type.dtype)[rows, columns]
        return vector(op, product, d)

    return after


def _operation(
    command: DecodedCommand,
    operands: Operands,
    records: npt.NDArray[Any],
    kind: ElementType,
    names: str,
    epsilon: int = 0,
) -> VectorOp:
    """What the vector engine does to its two operands, whose multipliers begin with ``names``."""
    function, table = Function(command["function"]), None
    if function is Function.TABLE:
        table = operands.vector("table", 2 * TABLE_ENTRIES, np.int16).reshape(TABLE_ENTRIES, 2)
    return VectorOp(
        kind,
        Record(records["gain"], records["shift"] & SHIFT_MAX, records["bias"]),
        Combine(command["combine"]),
        command[f"{names[0]}_multiplier"],
        command[f"{names[1]}_multiplier"],
        command["combine_shift"],
        function,
        epsilon,
        table,
    )


def _attention(command: DecodedCommand, operands: Operands) -> Blocks:
    queries, keys, dim = command["seq_q"], command["seq_kv"], command["head_dim"]
    width, flags = command["heads"] * dim, AttentionFlags(command.flags)
    q, k, v = (operands.matrix(name, rows, width) for name, rows in (("q", queries), ("k", keys), ("v", keys)))
    mask = None
    if flags & AttentionFlags.KEY_MASK:
        packed = operands.vector("mask", -(-keys // 8), np.uint8)
        mask = np.unpackbits(packed, count=keys, bitorder="little").astype(bool)
    score = Requantise(command["score_multiplier"], command["score_shift"])
    out = Requantise(command["out_multiplier"], command["out_shift"])
    causal, bits = bool(flags & AttentionFlags.CAUSAL), 16 if flags & AttentionFlags.OUT_INT16 else 8
    for heads in blocks(command["heads"], _INTERMEDIATE // (keys * dim)):
        count, columns = heads.stop - heads.start, slice(heads.start * dim, heads.stop * dim)
        k_part, v_part = k[:, columns], v[:, columns]
        for rows in blocks(queries, min(_INTERMEDIATE // (count * keys), _INTERMEDIATE // (count * dim))):
            yield None
            part = q[rows, columns]
            seen = keys - queries + rows.stop if causal else keys  # by the last query of the block
            if operands.error:
                continue
            if seen < 1:
                yield rows.start, columns.start, np.zeros(part.shape, np.int16 if bits == 16 else np.int8)
            else:
                visible = None if mask is None else mask[:seen]
                result = attention(part, k_part[:seen], v_part[:seen], count, score, out, causal, visible, bits)
                yield rows.start, columns.start, result


def _aggregate(command: DecodedCommand, operands: Operands) -> Blocks:
    features = command["features"]
    way, row_ptr, col = walked(command, operands)
    weight = operands.vector("weight", way.edges, np.int16)
    x = operands.matrix("x", command["cols"], features)
    requantise = Requantise(command["multiplier"], command["shift"])
    for rows in blocks(way.rows, _INTERMEDIATE // features):
        yield None
        pointers = row_ptr[rows.start : rows.stop + 1].astype(np.int64)
        sums = np.zeros((rows.stop - rows.start, features), np.int64)
        for piece in blocks(int(pointers[-1] - pointers[0]), _EDGE_PRODUCTS // features):
            yield None
            first, last = pointers[0] + piece.start, pointers[0] + piece.stop
            within = np.clip(pointers, first, last) - first
            sums += accumulate(within, col[first:last], weight[first:last], x)
        if not operands.error:
            yield rows.start, 0, requantise.compute(wrap(sums)).astype(np.int8)
    written = int(row_ptr[way.rows]) if way.edges else 0
    for piece in blocks(way.edges - written, _EDGE_PRODUCTS // features):
        yield None
        x[col[written + piece.start : written + piece.stop]]  # of no use, but they may lie where the bus fails
    operands.refuse(way.fault or ErrorCode.NONE)


def _vector(command: DecodedCommand, operands: Operands) -> Blocks:
    rows, cols, flags = command["rows"], command["cols"], VectorFlags(command.flags)
    params = operands.vector("params", cols if flags & VectorFlags.PER_COLUMN else 1, VECTOR_PARAMS_DTYPE)
    epsilon = command["epsilon_high"] << 32 | command["epsilon"]
    op = _operation(command, operands, params, ElementType(command["y_type"]), "ab", epsilon)

    def operand(name: str, columns: int, part: slice) -> npt.NDArray[Any]:
        matrix = operands.matrix(name, rows, columns, ElementType(command[f"{name}_type"]).dtype)
        return matrix[part if command[f"{name}_stride"] else slice(1)]  # a stride of 0: the same row for all

    for part in blocks(rows, _INTERMEDIATE // cols):
        yield None
        a, b = operand("a", cols, part), None
        if op.combine is not Combine.ALONE:
            b = operand("b", 1 if flags & VectorFlags.B_COLUMN else cols, part)
        if not operands.error:
            yield part.start, 0, np.broadcast_to(vector(op, a, b), (part.stop - part.start, cols))


_ENGINES: dict[Opcode, tuple[Callable[[DecodedCommand, Operands], Blocks], str]] = {
    Opcode.GEMM: (_gemm, "c"),
    Opcode.ATTENTION: (_attention, "o"),
    Opcode.AGGREGATE: (_aggregate, "y"),
    Opcode.VECTOR: (_vector, "y"),
}
"""Function and the name of the output, by opcode."""


def execute(
    command: DecodedCommand, memory: SimulatedMemory, config: AcceleratorConfig
) -> Generator[None, None, ErrorCode]:
    """Run one valid command; yields before each block, so that whoever runs it can stop there.

    ``config`` says which rows of X an aggregation reads to keep them, whether an edge names them or not.

    Returns NONE or what went wrong; of several things a bus error before the engine's own. What lies before a fault is
    written.
    """
    engine, output = _ENGINES[command.spec.opcode]
    operands = Operands(command, memory)
    if command.spec.opcode is Opcode.AGGREGATE:
        cols, features = command["cols"], command["features"]
        operands.matrix("x", cols, features)[: kept_rows(config, cols, command["nnz"], features)]
    for block in engine(command, operands):
        if block is None:
            yield
        else:
            operands.write(output, *block)
    return operands.error
