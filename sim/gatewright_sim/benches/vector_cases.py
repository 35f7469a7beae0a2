"""Random and chosen VECTOR commands, and where their operands and results lie."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gatewright.spec.commands import VECTOR, VECTOR_PARAMS_DTYPE, VectorFlags, encode
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import TABLE_ENTRIES, Combine, ElementType, Function
from gatewright.spec.vector_op import Record, VectorOp
from gatewright_sim.benches.harness.layout import Layout, PlacedCase, padded_rows
from gatewright_sim.golden.vector import vector

__all__ = ["Operation", "constant_rows", "place", "random_operation"]

_Y_BITS = {ElementType.INT8: 8, ElementType.INT16: 16, ElementType.INT32: 32, ElementType.UINT8: 8}


@dataclass
class Operation:
    """The input of one command. ``a`` of one row is repeated for ``rows`` rows, as ``b`` of one row or column is."""

    op: VectorOp
    rows: int
    a: np.ndarray
    b: np.ndarray | None = None
    noise: dict[str, int] = field(default_factory=dict)
    """Values of fields that the command does not use."""


def _values(rng: np.random.Generator, kind: ElementType, shape: tuple[int, int]) -> np.ndarray:
    """Over the type's whole range, of any magnitude, extreme throughout, or constant within each row."""
    limits = np.iinfo(kind.dtype)
    match rng.choice(4, p=[0.4, 0.3, 0.15, 0.15]):
        case 0:
            values = rng.integers(limits.min, limits.max, shape, endpoint=True)
        case 1:
            values = rng.integers(limits.min, limits.max, shape, endpoint=True) >> rng.integers(0, limits.bits, shape)
        case 2:
            values = rng.choice([limits.min, limits.max], shape)
        case _:
            values = np.broadcast_to(rng.integers(limits.min, limits.max, (shape[0], 1), endpoint=True), shape)
    return values.astype(kind.dtype)


def _multiplier(rng: np.random.Generator) -> int:
    return int(rng.choice([rng.integers(-(1 << 15), 1 << 15), rng.integers(-8, 9), -(1 << 15), (1 << 15) - 1]))


def _record(rng: np.random.Generator, z_bits: int, y_bits: int, cols: int | None) -> Record:
    """A record whose results mostly fit, or anything; one per column when ``cols`` is given."""
    size = cols or 1
    gain = rng.integers(-(1 << 15), 1 << 15, size)
    shift = np.clip(z_bits + 15 - y_bits + rng.integers(-3, 4, size), 0, 63)
    bias = rng.integers(-(1 << 31), 1 << 31, size) >> np.maximum(24 - y_bits, 0)
    if rng.random() < 0.3:
        shift = rng.integers(0, 64, size)
        bias = rng.choice([-(1 << 31), (1 << 31) - 1, 0, 127, 128, 129, -128], size)
    if cols is None:
        return Record(int(gain[0]), int(shift[0]), int(bias[0]))
    return Record(gain, shift, bias)


def random_operation(
    rng: np.random.Generator,
    rows: int,
    cols: int,
    *,
    function: Function | None = None,
    combine: Combine | None = None,
    types: tuple[ElementType, ElementType, ElementType] | None = None,
) -> Operation:
    """Anything that the command can do, on [rows, cols] elements; ``types`` are those of A, B and Y."""
    function = Function(rng.integers(len(Function))) if function is None else function
    combine = Combine(rng.integers(len(Combine))) if combine is None else combine
    a_type, b_type, y_type = types or (ElementType(kind) for kind in rng.integers(0, len(ElementType), 3))
    a = _values(rng, a_type, (rows if rng.random() < 0.85 else 1, cols))
    b = None
    if combine is not Combine.ALONE:
        b_shapes = ((rows, cols), (1, cols), (rows, 1), (1, 1))
        b = _values(rng, b_type, b_shapes[rng.choice(4, p=[0.55, 0.15, 0.2, 0.1])])

    factor_bits = min(16, _Y_BITS[b_type]) if combine is Combine.MULTIPLY else 16
    target = int(rng.choice([15, 15, 14, 18, 24]))
    shift = max(0, _Y_BITS[a_type] - 1 + factor_bits - target)
    z_bits = {Function.NONE: target, Function.SOFTMAX: 15}.get(function, 16)
    op = VectorOp(
        y_type=y_type,
        out=_record(rng, z_bits, _Y_BITS[y_type], cols if rng.random() < 0.5 else None),
        combine=combine,
        a_multiplier=_multiplier(rng),
        b_multiplier=_multiplier(rng),
        combine_shift=shift if rng.random() < 0.8 else int(rng.integers(64)),
        function=function,
        epsilon=int(rng.choice([0, 1, rng.integers(1 << 30), rng.integers(1 << 48), (1 << 48) - 1])),
        table=_table(rng) if function is Function.TABLE else None,
    )
    noise = {name: int(rng.integers(1 << 29)) * BUS_BYTES for name in ("b_addr", "b_stride", "table_addr")}
    return Operation(op, rows, a, b, noise)


def _table(rng: np.random.Generator) -> np.ndarray:
    """Records without any order, or of the steepest steps."""
    records = rng.integers(-(1 << 15), 1 << 15, (TABLE_ENTRIES, 2))
    if rng.random() < 0.3:
        records = rng.choice([-(1 << 15), (1 << 15) - 1], records.shape)
    return records.astype("<i2")


def constant_rows(
    rng: np.random.Generator, rows: int, cols: int, values: list[int], epsilon: int, function: Function
) -> Operation:
    """A function of rows of int16, each of a single value out of ``values``."""
    one = random_operation(
        rng, rows, cols, function=function, combine=Combine.ALONE, types=(ElementType.INT16,) * 2 + (ElementType.INT32,)
    )
    a = np.broadcast_to(rng.choice(values, (rows, 1)), (rows, cols)).astype("<i2")
    op = replace(one.op, a_multiplier=1, combine_shift=0, epsilon=epsilon, out=Record(gain=1, shift=8))
    return Operation(op, rows, a, None, one.noise)


def place(layout: Layout, operation: Operation) -> PlacedCase:
    """Put the operands of a command into ``layout`` and its results into what must be there in the end."""
    op, rows, a, b = operation.op, operation.rows, operation.a, operation.b
    cols = a.shape[1]
    column = b is not None and b.shape[1] == 1 and (cols > 1 or bool(layout.rng.integers(2)))
    per_column = np.ndim(op.out.gain) == 1

    wide = np.broadcast_to(a, (rows, cols))
    padded = {"a": padded_rows(layout.rng, a), "y": padded_rows(layout.rng, np.zeros((rows, cols), op.y_type.dtype))}
    streams = {"a": rows * _beats(cols * a.itemsize)}
    if b is not None:
        padded["b"] = padded_rows(layout.rng, b)
        streams["b"] = rows * _beats((1 if column else cols) * b.itemsize)

    records = np.zeros(cols if per_column else 1, VECTOR_PARAMS_DTYPE)
    records["gain"], records["shift"], records["bias"] = op.out.gain, op.out.shift, op.out.bias
    arrays = padded | {"params": records} | ({} if op.table is None else {"table": op.table})
    ranges = {name: layout.put(array) for name, array in arrays.items()}
    streams |= {name: _beats(arrays[name].nbytes) for name in ("params", "table") if name in arrays}

    result = vector(op, wide, b)
    raw = np.ascontiguousarray(result).view(np.uint8).reshape(rows, -1)
    padded["y"][:, : raw.shape[1]] = raw
    start = ranges["y"][0]
    layout.after[start : start + padded["y"].size] = padded["y"].ravel()

    fields = dict(operation.noise) | {f"{name}_addr": limits[0] for name, limits in ranges.items()}
    for name, array in padded.items():
        # A stride of 0 repeats a single row; it is as good as any other where there is only one.
        repeats = len(array) == 1 and (rows > 1 or (name != "y" and layout.rng.random() < 0.5))
        fields[f"{name}_stride"] = 0 if repeats else array.shape[1]
    command = encode(
        VECTOR,
        (VectorFlags.B_COLUMN if column else 0) | (VectorFlags.PER_COLUMN if per_column else 0),
        **fields,
        rows=rows,
        cols=cols,
        a_multiplier=op.a_multiplier,
        b_multiplier=op.b_multiplier,
        epsilon=op.epsilon & 0xFFFF_FFFF,
        epsilon_high=op.epsilon >> 32,
        combine_shift=op.combine_shift,
        combine=op.combine,
        function=op.function,
        a_type=ElementType.of(a.dtype),
        b_type=ElementType.of(b.dtype) if b is not None else int(layout.rng.integers(4)),
        y_type=op.y_type,
    )
    reads = [limits for name, limits in ranges.items() if name != "y"]
    return PlacedCase(command, ErrorCode.NONE, reads, sum(streams.values()))


def _beats(nbytes: int) -> int:
    return -(-nbytes // BUS_BYTES)
