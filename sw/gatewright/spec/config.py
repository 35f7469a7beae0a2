"""The accelerator's configuration: one frozen, validated, hashed dataclass, and the configurations we ship."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from gatewright.spec.errors import SpecError
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import MAX_COLUMNS

__all__ = ["CONFIGS", "QUERY_TILES", "SPEC_VERSION", "AcceleratorConfig", "get_config"]

SPEC_VERSION = (1, 3)
"""Major, minor: the VERSION register. A driver refuses another major."""

QUERY_TILES = 2
"""Tiles of Q in one half of A's banks during attention."""

MIN_DRAIN_CYCLES = 8
"""Fewest cycles in which a tile may leave the array: what the softmax's pipeline needs between two tiles."""

_NOT_HARDWARE = ("name", "part", "clock_mhz")


def _power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


@dataclass(frozen=True)
class AcceleratorConfig:
    """Sizes of one accelerator.

    Parameters
    ----------
    name, part, clock_mhz : label, the smallest FPGA that it fits (:mod:`gatewright_hw.area`), the clock in MHz (an
        assumption until timed on that part).
    array_rows, array_cols : the int8 array's shape, rows of A and columns of B per tile; powers of two, 2..32, 8..32.
    array_depth : k that the array multiplies in a cycle: 1, a DSP48E1 for each product, or 2, where two products share
        one. B must be narrow then (:class:`.commands.GemmFlags`), or else takes two cycles; lanes are even.
    lanes : requantisers that drain the array, outputs per cycle; a power of two, 2..8; a tile must take 8 cycles.
    a_depth, b_depth : 64-bit words per operand bank (both halves of the double buffer); powers of two, 32..4096.
    max_seq : most keys of one attention, kept on chip; a power of two, 16..4096 and at least array_cols.
    max_head_dim : widest attention head, a multiple of 8, 8..256.
    max_features : widest row of an aggregation in bytes, a power of two, 8..4096.
    aggregate_lanes : features that an aggregation multiplies in a cycle; a power of two, 2..16. Sixteen are words of
        two edges, whose rows come through two memory ports.
    kept_words : 64-bit words of X's first rows that an aggregation of sixteen lanes keeps on chip
        (:mod:`.kept_rows`): 0, or a power of two up to 65536 and at least a widest row.
    max_columns : widest row of a vector command in elements, a power of two, 64..4096.
    vector_lanes : elements that the vector engine takes in a cycle, a power of two, 2..4.
    edge_fifo : edges (column index, weight) fetched ahead, a power of two, 16..1024.
    outstanding : read bursts in flight per requester, a power of two, 2..64.
    read_ports : memory ports, each with an AXI master of its own: a power of two, 1..4 and at most array_rows. The gemm
        engine reads operands through all of them, the vector engine its two operands through one each, an aggregation
        X through two, with parts of the matrix, or through the second alone. Commands are read, and all that is written
        is, through the first.
    """

    name: str
    part: str
    clock_mhz: float
    array_rows: int
    array_cols: int
    array_depth: int
    lanes: int
    a_depth: int
    b_depth: int
    max_seq: int
    max_head_dim: int
    max_features: int
    aggregate_lanes: int
    kept_words: int
    max_columns: int
    vector_lanes: int
    edge_fifo: int
    outstanding: int
    read_ports: int
    epilogue: bool

    def __post_init__(self) -> None:
        for field, low, high in (
            ("array_rows", 2, 32),
            ("array_cols", 8, 32),
            ("array_depth", 1, 2),
            ("lanes", 2, min(self.array_cols, BUS_BYTES)),
            ("a_depth", 32, 4096),
            ("b_depth", 32, 4096),
            ("max_seq", max(16, self.array_cols), 4096),
            ("max_features", 8, 4096),
            ("aggregate_lanes", 2, min(2, self.read_ports) * BUS_BYTES),
            ("max_columns", 64, MAX_COLUMNS),
            ("vector_lanes", 2, 4),
            ("edge_fifo", 16, 1024),
            ("outstanding", 2, 64),
            ("read_ports", 1, min(4, self.array_rows)),
        ):
            value = getattr(self, field)
            if not (isinstance(value, int) and low <= value <= high and _power_of_two(value)):
                raise SpecError(f"config {self.name!r}: {field} is {value}, allowed: a power of two in {low}..{high}")
        if not (8 <= self.max_head_dim <= 256 and self.max_head_dim % 8 == 0):
            raise SpecError(
                f"config {self.name!r}: max_head_dim is {self.max_head_dim}, allowed: a multiple of 8 in 8..256"
            )
        least, most = self.max_features // BUS_BYTES, (1 << 16 if self.aggregate_edges > 1 else 0)
        if not (isinstance(self.kept_words, int) and 0 <= self.kept_words <= most):
            raise SpecError(f"config {self.name!r}: kept_words is {self.kept_words}, allowed 0..{most}")
        if self.kept_words and not (_power_of_two(self.kept_words) and self.kept_words >= least):
            raise SpecError(
                f"config {self.name!r}: kept_words is {self.kept_words}, allowed: 0, a power of two in {least}..{most}"
            )
        if not isinstance(self.epilogue, bool):
            raise SpecError(f"config {self.name!r}: epilogue is {self.epilogue!r}, allowed: True, False")
        if not 1 <= self.clock_mhz <= 1000:
            raise SpecError(f"config {self.name!r}: clock_mhz is {self.clock_mhz}, allowed 1..1000")
        if self.drain_cycles < MIN_DRAIN_CYCLES:
            raise SpecError(
                f"config {self.name!r}: array_rows * array_cols / lanes is {self.drain_cycles}, "
                f"allowed at least {MIN_DRAIN_CYCLES}"
            )
        words_q = (QUERY_TILES * self.max_head_dim + self.max_seq) // BUS_BYTES
        if words_q > self.a_depth // 2:
            raise SpecError(
                f"config {self.name!r}: Q and the softmax of a tile take {words_q} words of an A bank's half, "
                f"allowed at most a_depth / 2 = {self.a_depth // 2}"
            )
        words_k = -(-self.max_seq // self.array_cols) * (self.max_head_dim // 8)
        words_v = -(-self.max_head_dim // self.array_cols) * (self.max_seq // 8)
        if words_k + words_v > self.b_depth // 2:
            raise SpecError(
                f"config {self.name!r}: K and V of one head take {words_k + words_v} words of a B bank's half, "
                f"allowed at most b_depth / 2 = {self.b_depth // 2}"
            )

    @property
    def gemm_max_k(self) -> int:
        """Longest inner dimension of one GEMM: a tile of A and a tile of B must each fit half a buffer."""
        return min(self.a_depth, self.b_depth) // 2 * BUS_BYTES

    @property
    def aggregate_edges(self) -> int:
        """Edges of a row that an aggregation takes at once."""
        return max(1, self.aggregate_lanes // BUS_BYTES)

    @property
    def macs_per_cycle(self) -> int:
        """Peak int8 multiply-accumulates in a cycle, with a narrow B."""
        return self.array_rows * self.array_cols * self.array_depth

    @property
    def drain_cycles(self) -> int:
        """Cycles in which a tile leaves the array, and fewest from one tile to the next."""
        return self.array_rows * self.array_cols // self.lanes

    @property
    def hash(self) -> int:
        """64-bit identity of the hardware: every size and the contract's version; not the name, part or clock."""
        sizes = {key: value for key, value in asdict(self).items() if key not in _NOT_HARDWARE}
        text = json.dumps({"spec": SPEC_VERSION, **sizes}, sort_keys=True)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")

    @property
    def hash_text(self) -> str:
        """The hash as 16 hexadecimal digits."""
        return f"{self.hash:016x}"


CONFIGS: dict[str, AcceleratorConfig] = {
    config.name: config
    for config in (
        AcceleratorConfig(
            name="tiny",
            part="xc7z020",
            clock_mhz=100.0,
            array_rows=4,
            array_cols=8,
            array_depth=2,
            lanes=4,
            a_depth=128,
            b_depth=256,
            max_seq=64,
            max_head_dim=32,
            max_features=128,
            aggregate_lanes=16,
            kept_words=256,
            max_columns=512,
            vector_lanes=4,
            edge_fifo=32,
            outstanding=8,
            read_ports=2,
            epilogue=True,
        ),
        AcceleratorConfig(
            name="zybo-z7-10",
            part="xc7z010",
            clock_mhz=100.0,
            array_rows=4,
            array_cols=8,
            array_depth=1,
            lanes=2,
            a_depth=128,
            b_depth=256,
            max_seq=64,
            max_head_dim=32,
            max_features=128,
            aggregate_lanes=2,
            kept_words=0,
            max_columns=512,
            vector_lanes=2,
            edge_fifo=32,
            outstanding=8,
            read_ports=1,
            epilogue=False,
        ),
        AcceleratorConfig(
            name="pynq-z2",
            part="xc7z020",
            clock_mhz=100.0,
            array_rows=8,
            array_cols=16,
            array_depth=2,
            lanes=8,
            a_depth=2048,
            b_depth=1024,
            max_seq=512,
            max_head_dim=64,
            max_features=1024,
            aggregate_lanes=16,
            kept_words=8192,
            max_columns=2048,
            vector_lanes=4,
            edge_fifo=128,
            outstanding=16,
            read_ports=2,
            epilogue=True,
        ),
    )
}
"""The shipped configurations by name."""


def get_config(name: str) -> AcceleratorConfig:
    """The shipped configuration called ``name``; :class:`SpecError` lists the names otherwise."""
    try:
        return CONFIGS[name]
    except KeyError:
        raise SpecError(f"unknown config {name!r}, allowed: {', '.join(sorted(CONFIGS))}") from None
