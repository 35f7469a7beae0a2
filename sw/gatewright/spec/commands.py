"""The command set: 64-byte little-endian records of sixteen 32-bit words that the sequencer fetches from DDR.

Word 0 holds the opcode (bits 7:0) and the flags (bits 15:8); each further field has a word and a bit position. The RTL
decoder and validator, the golden model and the driver's encoder are all made from the tables in this file. Bits that no
field names are zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, IntEnum, IntFlag
from functools import lru_cache
from types import MappingProxyType

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode, SpecError
from gatewright.spec.fixed import MULTIPLIER_BITS, SHIFT_BITS
from gatewright.spec.memory import ALIGNMENT, COMMAND_BYTES
from gatewright.spec.vector import EPSILON_BITS, Combine, ElementType, Function

__all__ = [
    "AGGREGATE",
    "ATTENTION",
    "COMMANDS",
    "COMMAND_WORDS",
    "FLAGS_LSB",
    "GEMM",
    "GEMM_PARAMS_DTYPE",
    "VECTOR",
    "VECTOR_PARAMS_DTYPE",
    "AggregateFlags",
    "AttentionFlags",
    "CommandSpec",
    "DecodedCommand",
    "Field",
    "GemmFlags",
    "Kind",
    "Opcode",
    "VectorFlags",
    "check",
    "decode",
    "encode",
]

COMMAND_WORDS = COMMAND_BYTES // 4
OPCODE_BITS = 8
FLAGS_LSB = 8
FLAGS_BITS = 8


class Opcode(IntEnum):
    """Zero is no opcode, so that empty memory is refused."""

    GEMM = 1
    ATTENTION = 2
    AGGREGATE = 3
    VECTOR = 4


class GemmFlags(IntFlag):
    """Flags of GEMM."""

    B_KN = 1
    """B is [K, N] row-major (transposed on load) instead of [N, K] row-major."""
    OUT_INT32 = 2
    """C is int32 (accumulator plus bias) instead of requantised int8."""
    A_RESIDENT = 4
    """Blocks of A are the outer loop (A is read once, B once per block of A) instead of blocks of B."""
    PARAMS = 8
    """params_addr points at one 8-byte record per column of C. Brings the bias for an int32 C; needed otherwise."""
    OUT_INT16 = 16
    """C is requantised int16 instead of int8."""
    B_NARROW = 32
    """An element of B that is -128 counts as -127, so that the array takes as many products a cycle as it can."""
    EPILOGUE = 64
    """The int16 results P of the requantiser go through the vector engine on their way to memory:
    C = out(function(combine(P, D))), see :mod:`gatewright.spec.vector`. Needs OUT_INT16, and a configuration that has
    it; C is of ``c_type``, as is D, which has the stride of C."""
    PER_COLUMN = 128
    """out_addr points at one 8-byte record per column of C, instead of one record for all of them."""


class AttentionFlags(IntFlag):
    """Flags of ATTENTION."""

    CAUSAL = 1
    """Query i attends to keys j <= i + seq_kv - seq_q."""
    KEY_MASK = 2
    """mask_addr points at seq_kv bits (bit j of a little-endian bit string), 1 = attend; padded to 8 bytes."""
    OUT_INT16 = 4
    """O is int16 instead of int8."""


class AggregateFlags(IntFlag):
    """AGGREGATE has no flags."""


class VectorFlags(IntFlag):
    """Flags of VECTOR."""

    B_COLUMN = 1
    """B has one value per row, the first of the row, which meets every column of A; with b_stride 0 it is a scalar."""
    PER_COLUMN = 2
    """params_addr points at one 8-byte record per column of Y, instead of one record for all of them."""


class Kind(Enum):
    """What a field means, hence how it is validated."""

    ADDRESS = "address"
    """Byte address, a multiple of 8."""
    STRIDE = "stride"
    """Bytes from one row to the next, a multiple of 8."""
    SIZE = "size"
    """A count from 1 to the field's limit."""
    COUNT = "count"
    """A count from 0."""
    CHOICE = "choice"
    """One of the values 0 to the field's ``most``."""
    PLAIN = "plain"
    """Any value of its width."""


@dataclass(frozen=True)
class Field:
    """One field of a command: ``width`` bits at bit ``lsb`` of 32-bit word ``word``.

    ``limit`` names the :class:`AcceleratorConfig` attribute that bounds a SIZE, which is a multiple of ``multiple``;
    ``most`` bounds a CHOICE. A ``signed`` field is in two's complement. With a ``bounded_by`` (flag, limit, multiple)
    and that flag, the attribute ``limit`` bounds a SIZE as well, which is a multiple of the attribute ``multiple``, a
    power of two. A field that counts only ``with_flag`` is 0, and may be left out, without it.
    """

    name: str
    word: int
    doc: str
    kind: Kind = Kind.PLAIN
    lsb: int = 0
    width: int = 32
    limit: str | None = None
    multiple: int = 1
    most: int = 0
    signed: bool = False
    bounded_by: tuple[int, str, str] | None = None
    with_flag: int = 0

    @property
    def offset(self) -> int:
        """Bit offset in the 512-bit command."""
        return 32 * self.word + self.lsb

    def maximum(self, config: AcceleratorConfig) -> int:
        """Largest valid value under ``config``."""
        return int(getattr(config, self.limit)) if self.limit else (1 << self.width) - 1

    def limits(self, config: AcceleratorConfig, flags: int = 0) -> tuple[int, int]:
        """The largest valid size under ``config`` beside a command's ``flags``, and what a size is a multiple of."""
        most, multiple = self.maximum(config), self.multiple
        if self.bounded_by and flags & self.bounded_by[0]:
            least, step = (int(getattr(config, name)) for name in self.bounded_by[1:])
            return min(most, least), max(multiple, step)
        return most, multiple

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest value that the field's bits hold."""
        low = -(1 << self.width - 1) if self.signed else 0
        return low, low + (1 << self.width) - 1

    def insert(self, word: int, value: int) -> int:
        """The command's word number :attr:`word` with the field set to a value of its range."""
        mask = (1 << self.width) - 1 << self.lsb
        return word & ~mask | value << self.lsb & mask

    def fault(self, value: int, config: AcceleratorConfig, flags: int = 0) -> ErrorCode:
        """The error a value of this field causes in the hardware beside a command's ``flags``, or NONE."""
        if self.kind in (Kind.ADDRESS, Kind.STRIDE) and value % ALIGNMENT:
            return ErrorCode.UNALIGNED
        if self.kind is Kind.SIZE:
            most, multiple = self.limits(config, flags)
            if not 1 <= value <= most or value % multiple:
                return ErrorCode.BAD_SHAPE
        if self.kind is Kind.CHOICE and value > self.most:
            return ErrorCode.BAD_FLAGS
        return ErrorCode.NONE


def _addr(name: str, word: int, doc: str) -> Field:
    return Field(name, word, doc, Kind.ADDRESS)


def _stride(name: str, word: int, doc: str) -> Field:
    return Field(name, word, doc, Kind.STRIDE)


@dataclass(frozen=True)
class CommandSpec:
    """One command: its opcode, the engine whose counters it moves, flags and fields in the order they are validated.

    ``one_of`` holds flags of which at least one must be set, ``at_most_one_of`` two flags that exclude each other; 0
    when there is no such rule. ``requires`` has pairs of a flag and of another that must be set with it, ``optional``
    pairs of a flag and of the :class:`AcceleratorConfig` attribute that says whether a configuration has it.
    """

    opcode: Opcode
    engine: str
    doc: str
    flags: type[IntFlag]
    fields: tuple[Field, ...]
    one_of: int = 0
    at_most_one_of: int = 0
    requires: tuple[tuple[int, int], ...] = ()
    optional: tuple[tuple[int, str], ...] = ()

    @property
    def name(self) -> str:
        return self.opcode.name

    def flags_mask(self, config: AcceleratorConfig) -> int:
        """The flag bits that this command has under ``config``."""
        absent = {flag for flag, attribute in self.optional if not getattr(config, attribute)}
        return sum(int(flag) for flag in self.flags if flag not in absent)

    def checked_fields(self, config: AcceleratorConfig) -> list[Field]:
        """The fields that count under ``config``."""
        mask = self.flags_mask(config)
        return [field for field in self.fields if not field.with_flag or field.with_flag & mask]

    def bad_flags(self, flags: int, config: AcceleratorConfig) -> bool:
        """Whether ``flags`` break a rule."""
        exclusive = self.at_most_one_of
        return bool(
            flags & ~self.flags_mask(config)
            or (self.one_of and not flags & self.one_of)
            or (exclusive and flags & exclusive == exclusive)
            or any(flags & flag and not flags & other for flag, other in self.requires)
        )

    def field(self, name: str) -> Field:
        """The field called ``name``; :class:`SpecError` lists the names otherwise."""
        for field in self.fields:
            if field.name == name:
                return field
        raise SpecError(f"{self.name} has no field {name!r}, allowed: {', '.join(f.name for f in self.fields)}")


GEMM = CommandSpec(
    Opcode.GEMM,
    "gemm",
    "C = requantise(A B + bias): int8 [M, K] x int8 [K, N] -> int8, int16 or int32 [M, N]; row strides in bytes. With "
    "EPILOGUE C = out(function(combine(P, D))) of the int16 results P.",
    GemmFlags,
    (
        _addr("a_addr", 1, "A, int8 [M, K]"),
        _addr("b_addr", 2, "B, int8 [N, K], or [K, N] with B_KN"),
        _addr("c_addr", 3, "C, int8, int16 or int32 [M, N]"),
        _addr("params_addr", 4, "per-column records {i32 bias, u16 multiplier, u6 shift, u10 zero}, with PARAMS"),
        Field("m", 5, "rows of A and C", Kind.SIZE, width=24),
        Field(
            "n",
            6,
            "columns of B and C; with EPILOGUE whole tiles",
            Kind.SIZE,
            width=24,
            bounded_by=(GemmFlags.EPILOGUE, "max_columns", "array_cols"),
        ),
        Field("k", 7, "inner dimension", Kind.SIZE, width=16, limit="gemm_max_k"),
        _stride("a_stride", 8, "bytes from one row of A to the next"),
        _stride("b_stride", 9, "bytes from one stored row of B to the next"),
        _stride("c_stride", 10, "bytes from one row of C, and of D, to the next"),
        *(
            replace(field, with_flag=GemmFlags.EPILOGUE)
            for field in (
                Field("p_multiplier", 11, "factor of P where P and D are added, or P is alone", width=16, signed=True),
                Field("d_multiplier", 11, "factor of D where P and D are added", lsb=16, width=16, signed=True),
                _addr("out_addr", 12, "records {i32 bias, i16 gain, u6 shift, u10 zero}: one, or n with PER_COLUMN"),
                _addr("table_addr", 13, "records {i16 value, i16 next} of the function TABLE"),
                Field("combine_shift", 14, "shift of the combination", width=SHIFT_BITS),
                Field("combine", 14, "see Combine", Kind.CHOICE, lsb=8, width=2, most=max(Combine)),
                Field("function", 14, "NONE or TABLE, see Function", Kind.CHOICE, lsb=12, width=3, most=Function.TABLE),
                Field(
                    "c_type", 14, "INT8 or INT16, see ElementType", Kind.CHOICE, lsb=20, width=2, most=ElementType.INT16
                ),
                _addr("d_addr", 15, "D [M, N]; not used when combine is ALONE"),
            )
        ),
    ),
    one_of=GemmFlags.OUT_INT32 | GemmFlags.PARAMS,
    at_most_one_of=GemmFlags.OUT_INT32 | GemmFlags.OUT_INT16,
    requires=((GemmFlags.EPILOGUE, GemmFlags.OUT_INT16), (GemmFlags.PER_COLUMN, GemmFlags.EPILOGUE)),
    optional=((GemmFlags.EPILOGUE, "epilogue"), (GemmFlags.PER_COLUMN, "epilogue")),
)

ATTENTION = CommandSpec(
    Opcode.ATTENTION,
    "attention",
    "O_h = softmax(Q_h K_h^T / sqrt(d) + mask) V_h for each head h: columns h*d .. h*d+d-1 of Q, K, V and O (int8). "
    "Elements of K and V that are -128 count as -127.",
    AttentionFlags,
    (
        _addr("q_addr", 1, "Q, int8 [seq_q, heads * head_dim]"),
        _addr("k_addr", 2, "K, int8 [seq_kv, heads * head_dim]"),
        _addr("v_addr", 3, "V, int8 [seq_kv, heads * head_dim]"),
        _addr("o_addr", 4, "O, int8 or int16 [seq_q, heads * head_dim]"),
        _addr("mask_addr", 5, "key mask bits, with KEY_MASK"),
        Field("seq_q", 6, "queries", Kind.SIZE, width=24),
        Field("seq_kv", 7, "keys", Kind.SIZE, width=16, limit="max_seq"),
        Field("heads", 8, "heads", Kind.SIZE, width=16),
        Field("head_dim", 8, "columns of one head", Kind.SIZE, lsb=16, width=16, limit="max_head_dim", multiple=8),
        _stride("q_stride", 9, "bytes from one row of Q to the next"),
        _stride("k_stride", 10, "bytes from one row of K to the next"),
        _stride("v_stride", 11, "bytes from one row of V to the next"),
        _stride("o_stride", 12, "bytes from one row of O to the next"),
        Field("score_multiplier", 13, "scores to log2 units (7 fraction bits)", width=MULTIPLIER_BITS),
        Field("out_multiplier", 13, "output requantiser, before 1 / sum", lsb=16, width=MULTIPLIER_BITS),
        Field("score_shift", 14, "shift of the score requantiser", width=SHIFT_BITS),
        Field("out_shift", 14, "shift of the output requantiser", lsb=8, width=SHIFT_BITS),
    ),
)

AGGREGATE = CommandSpec(
    Opcode.AGGREGATE,
    "aggregate",
    "Y[i] = requantise(sum_j w_ij X[j]): a CSR matrix with int16 weights times int8 features [cols, features].",
    AggregateFlags,
    (
        _addr("row_ptr_addr", 1, "row pointers, u32 [rows + 1], row_ptr[0] = 0"),
        _addr("col_addr", 2, "column indices, u32 [nnz]"),
        _addr("weight_addr", 3, "edge weights, int16 [nnz]"),
        _addr("x_addr", 4, "X, int8 [cols, features]"),
        _addr("y_addr", 5, "Y, int8 [rows, features]"),
        Field("rows", 6, "rows of the CSR matrix and of Y", Kind.SIZE),
        Field("cols", 7, "rows of X", Kind.SIZE),
        Field("nnz", 8, "edges", Kind.COUNT),
        Field("features", 9, "columns of X and Y", Kind.SIZE, width=16, limit="max_features"),
        _stride("x_stride", 10, "bytes from one row of X to the next"),
        _stride("y_stride", 11, "bytes from one row of Y to the next"),
        Field("multiplier", 12, "requantiser, the weights' binary point folded in", width=MULTIPLIER_BITS),
        Field("shift", 12, "requantiser's shift", lsb=16, width=SHIFT_BITS),
    ),
)

VECTOR = CommandSpec(
    Opcode.VECTOR,
    "vector",
    "Y = out(function(combine(A, B))) on [rows, cols] elements; the arithmetic is that of gatewright.spec.vector.",
    VectorFlags,
    (
        _addr("a_addr", 1, "A [rows, cols]"),
        _addr("b_addr", 2, "B [rows, cols], or [rows, 1] with B_COLUMN; not used when combine is ALONE"),
        _addr("y_addr", 3, "Y [rows, cols]"),
        _addr("params_addr", 4, "records {i32 bias, i16 gain, u6 shift, u10 zero}: one, or cols with PER_COLUMN"),
        _addr("table_addr", 5, "records {i16 value, i16 next} of the function TABLE"),
        Field("rows", 6, "rows", Kind.SIZE, width=24),
        Field("cols", 7, "columns", Kind.SIZE, width=16, limit="max_columns"),
        _stride("a_stride", 8, "bytes from one row of A to the next; 0 repeats the first"),
        _stride("b_stride", 9, "bytes from one row of B to the next; 0 repeats the first"),
        _stride("y_stride", 10, "bytes from one row of Y to the next"),
        Field("a_multiplier", 11, "factor of A where A and B are added, or A is alone", width=16, signed=True),
        Field("b_multiplier", 11, "factor of B where A and B are added", lsb=16, width=16, signed=True),
        Field("epsilon", 12, "epsilon of LAYER_NORM and RMS_NORM, bits 31:0"),
        Field("epsilon_high", 13, "epsilon, bits 47:32", width=EPSILON_BITS - 32),
        Field("combine_shift", 14, "shift of the combination", width=SHIFT_BITS),
        Field("combine", 14, "see Combine", Kind.CHOICE, lsb=8, width=2, most=max(Combine)),
        Field("function", 14, "see Function", Kind.CHOICE, lsb=12, width=3, most=max(Function)),
        Field("a_type", 14, "element type of A, see ElementType", lsb=16, width=2),
        Field("b_type", 14, "element type of B", lsb=18, width=2),
        Field("y_type", 14, "element type of Y", lsb=20, width=2),
    ),
)

COMMANDS: dict[int, CommandSpec] = {spec.opcode: spec for spec in (GEMM, ATTENTION, AGGREGATE, VECTOR)}
"""Every command by opcode."""

GEMM_PARAMS_DTYPE = [("bias", "<i4"), ("multiplier", "<u2"), ("shift", "u1"), ("zero", "u1")]
"""numpy structured dtype of one record at GEMM's params_addr."""

VECTOR_PARAMS_DTYPE = [("bias", "<i4"), ("gain", "<i2"), ("shift", "u1"), ("zero", "u1")]
"""numpy structured dtype of one record at VECTOR's params_addr."""


@dataclass(frozen=True)
class DecodedCommand:
    """A command taken apart: its spec, flags and field values by name."""

    spec: CommandSpec
    flags: int
    values: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.values[name]


def encode(spec: CommandSpec, flags: int = 0, **values: int) -> bytes:
    """Pack one command into 64 bytes. Raises :class:`SpecError` naming a field that is missing, unknown or too wide.

    Only the width is checked here, so that a test can encode what the hardware must refuse; see :func:`check`.
    """
    for name in values:
        spec.field(name)
    if not 0 <= flags < 1 << FLAGS_BITS:
        raise SpecError(f"{spec.name}: flags {flags} is outside 0..{(1 << FLAGS_BITS) - 1}")
    bits = int(spec.opcode) | int(flags) << FLAGS_LSB
    for field in spec.fields:
        if field.name not in values and (not field.with_flag or flags & field.with_flag):
            raise SpecError(f"{spec.name}: field {field.name!r} is missing")
        value = int(values.get(field.name, 0))
        low, high = field.range
        if not low <= value <= high:
            raise SpecError(f"{spec.name}: {field.name} is {value}, allowed {low}..{high}")
        bits |= (value & (1 << field.width) - 1) << field.offset
    return bits.to_bytes(COMMAND_BYTES, "little")


def _extract(bits: int, field: Field) -> int:
    low, _ = field.range
    return ((bits >> field.offset) - low) % (1 << field.width) + low


@lru_cache(maxsize=4096)
def decode(raw: bytes) -> DecodedCommand:
    """Take a 64-byte command apart. Raises :class:`SpecError` on a wrong length or an unknown opcode."""
    if len(raw) != COMMAND_BYTES:
        raise SpecError(f"a command is {COMMAND_BYTES} bytes, got {len(raw)}")
    bits = int.from_bytes(raw, "little")
    opcode = bits & ((1 << OPCODE_BITS) - 1)
    if opcode not in COMMANDS:
        raise SpecError(
            f"unknown opcode {opcode}, allowed: {', '.join(f'{int(c)} ({s.name})' for c, s in COMMANDS.items())}"
        )
    spec = COMMANDS[opcode]
    flags = bits >> FLAGS_LSB & ((1 << FLAGS_BITS) - 1)
    values = {field.name: _extract(bits, field) for field in spec.fields}
    return DecodedCommand(spec, flags, MappingProxyType(values))


@lru_cache(maxsize=4096)
def check(raw: bytes, config: AcceleratorConfig) -> tuple[ErrorCode, int]:
    """What the sequencer's validator says of a command: an error code (or NONE) and its detail, the offending word.

    Order: opcode (word 0), flags (word 0), then the fields in the order of the table.
    """
    bits = int.from_bytes(raw, "little")
    opcode = bits & ((1 << OPCODE_BITS) - 1)
    if opcode not in COMMANDS:
        return ErrorCode.BAD_OPCODE, 0
    command = decode(raw)
    if command.spec.bad_flags(command.flags, config):
        return ErrorCode.BAD_FLAGS, 0
    for field in command.spec.checked_fields(config):
        fault = field.fault(command[field.name], config, command.flags)
        if fault is not ErrorCode.NONE:
            return fault, field.word
    return ErrorCode.NONE, 0
