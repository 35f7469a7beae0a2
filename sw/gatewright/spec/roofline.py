"""Least cycles of a command by arithmetic and by bytes moved (Williams et al., "Roofline", CACM 2009).

The compute bound assumes every multiplier busy every cycle; the memory bound moves each operand once
(of an aggregation, a row of X once per edge: none is kept on chip), at the memory model's full rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.spec.commands import AttentionFlags, DecodedCommand, GemmFlags, Opcode, VectorFlags
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import BUS_BYTES, MemoryModel
from gatewright.spec.vector import LANES, RECORD_BYTES, TABLE_BYTES, Combine, ElementType, Function

__all__ = ["Roofline", "roofline"]


@dataclass(frozen=True)
class Roofline:
    """Bounds of one command, in cycles, and the work behind them."""

    macs: int
    """Multiply-accumulates; of a vector command, elements."""
    read_bytes: int
    written_bytes: int
    min_cycles_compute: int
    min_cycles_memory: int

    @property
    def min_cycles(self) -> int:
        """The higher bound."""
        return max(self.min_cycles_compute, self.min_cycles_memory)


def _gemm(command: DecodedCommand, config: AcceleratorConfig) -> tuple[int, int, int, int]:
    m, n, k = command["m"], command["n"], command["k"]
    params = 8 * n if command.flags & GemmFlags.PARAMS else 0
    out = 4 if command.flags & GemmFlags.OUT_INT32 else 2 if command.flags & GemmFlags.OUT_INT16 else 1
    return m * n * k, config.macs_per_cycle, m * k + n * k + params, m * n * out


def _attention(command: DecodedCommand, config: AcceleratorConfig) -> tuple[int, int, int, int]:
    queries, keys = command["seq_q"], command["seq_kv"]
    width = command["heads"] * command["head_dim"]
    pairs = queries * keys
    if command.flags & AttentionFlags.CAUSAL:
        first = max(keys - queries + 1, 1)  # keys of the first query that sees any; each later one sees one more
        seeing = min(queries, keys)
        pairs = seeing * (first + keys) // 2
    mask = -(-keys // 8) if command.flags & AttentionFlags.KEY_MASK else 0
    out = 2 if command.flags & AttentionFlags.OUT_INT16 else 1
    return 2 * pairs * width, config.macs_per_cycle, (queries + 2 * keys) * width + mask, queries * width * out


def _aggregate(command: DecodedCommand, config: AcceleratorConfig) -> tuple[int, int, int, int]:
    rows, nnz, features = command["rows"], command["nnz"], command["features"]
    read = 4 * (rows + 1) + nnz * (4 + 2 + features)
    return nnz * features, BUS_BYTES, read, rows * features


def _vector(command: DecodedCommand, config: AcceleratorConfig) -> tuple[int, int, int, int]:
    rows, cols = command["rows"], command["cols"]
    elements = rows * cols
    a, b, y = (ElementType(command[f"{operand}_type"]).nbytes for operand in "aby")
    repeats = {operand: command[f"{operand}_stride"] == 0 for operand in "ab"}
    read = cols * (1 if repeats["a"] else rows) * a
    if command["combine"] != Combine.ALONE:
        read += (1 if command.flags & VectorFlags.B_COLUMN else cols) * (1 if repeats["b"] else rows) * b
    read += RECORD_BYTES * (cols if command.flags & VectorFlags.PER_COLUMN else 1)
    if command["function"] == Function.TABLE:
        read += TABLE_BYTES
    return elements, LANES, read, elements * y


_WORK = {Opcode.GEMM: _gemm, Opcode.ATTENTION: _attention, Opcode.AGGREGATE: _aggregate, Opcode.VECTOR: _vector}


def roofline(command: DecodedCommand, config: AcceleratorConfig, memory: MemoryModel | None = None) -> Roofline:
    """The bounds of one decoded command under a configuration and a memory model (default: :class:`MemoryModel`)."""
    macs, macs_per_cycle, read, written = _WORK[command.spec.opcode](command, config)
    bound = (memory or MemoryModel()).min_cycles(read, written)
    return Roofline(macs, read, written, -(-macs // macs_per_cycle), bound)
