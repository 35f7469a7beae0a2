"""Least cycles of a command by arithmetic and by bytes moved (Williams et al., "Roofline", CACM 2009).

The compute bound assumes every multiplier busy every cycle; the memory bound moves each operand once, at the full rate
of all read ports, whichever of them the engine uses. Of an aggregation it moves a row of X once per edge; where some
are kept on chip, these alone, since how many edges name others the command does not say.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.spec.commands import AttentionFlags, DecodedCommand, GemmFlags, Opcode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.extents import operands
from gatewright.spec.kept_rows import kept_rows
from gatewright.spec.memory import MemoryModel

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


def _gemm(command: DecodedCommand, config: AcceleratorConfig) -> tuple[int, int]:
    rate = config.macs_per_cycle // (1 if command.flags & GemmFlags.B_NARROW else config.array_depth)
    return command["m"] * command["n"] * command["k"], rate


def _attention(command: DecodedCommand, config: AcceleratorConfig) -> tuple[int, int]:
    queries, keys = command["seq_q"], command["seq_kv"]
    pairs = queries * keys
    if command.flags & AttentionFlags.CAUSAL:
        first = max(keys - queries + 1, 1)  # keys of the first query that sees any; each later one sees one more
        seeing = min(queries, keys)
        pairs = seeing * (first + keys) // 2
    return 2 * pairs * command["heads"] * command["head_dim"], config.macs_per_cycle


def _aggregate(command: DecodedCommand, config: AcceleratorConfig) -> tuple[int, int]:
    return command["nnz"] * command["features"], config.aggregate_lanes


def _vector(command: DecodedCommand, config: AcceleratorConfig) -> tuple[int, int]:
    return command["rows"] * command["cols"], config.vector_lanes


_WORK = {Opcode.GEMM: _gemm, Opcode.ATTENTION: _attention, Opcode.AGGREGATE: _aggregate, Opcode.VECTOR: _vector}
"""Operations, and the most of them in a cycle."""


def _traffic(command: DecodedCommand, config: AcceleratorConfig) -> tuple[int, int]:
    """Bytes read and written."""
    read = written = 0
    for operand in operands(command):
        if operand.written:
            written += operand.nbytes
        elif operand.field == "x_addr":  # gathered
            kept = kept_rows(config, command["cols"], command["nnz"], command["features"])
            read += (kept or command["nnz"]) * command["features"]
        else:
            read += operand.nbytes
    return read, written


def roofline(command: DecodedCommand, config: AcceleratorConfig, memory: MemoryModel | None = None) -> Roofline:
    """The bounds of one decoded command under a configuration and a memory model (default: :class:`MemoryModel`)."""
    macs, macs_per_cycle = _WORK[command.spec.opcode](command, config)
    compute = -(-macs // macs_per_cycle)
    if command.spec.opcode is Opcode.GEMM and command.flags & GemmFlags.EPILOGUE:  # the vector engine works as well
        compute = max(compute, -(-command["m"] * command["n"] // config.vector_lanes))
    read, written = _traffic(command, config)
    bound = (memory or MemoryModel(config.clock_mhz)).min_cycles(read, written, config.read_ports)
    return Roofline(macs, read, written, compute, bound)
