"""VECTOR commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, cycle, product
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import VECTOR, VectorFlags, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright.spec.vector import (
    EPSILON_BITS,
    EXP2_FRACTION_BITS,
    SOFTMAX_STEPS,
    TABLE_ENTRIES,
    Combine,
    ElementType,
    Function,
)
from gatewright.spec.vector_op import Record, VectorOp
from gatewright_sim.commands.layout import Change, Layout, PlacedCommand, beats, exchange, padded_rows, row_ranges
from gatewright_sim.golden.vector import vector

__all__ = ["VectorCommand"]

Array = npt.NDArray[Any]
Types = tuple[ElementType, ElementType, ElementType]

_INT16 = ElementType.INT16
_LOW, _HIGH = -(1 << 15), (1 << 15) - 1
_MOST_ELEMENTS = 1200
"""Of a random command, so that several fit a memory."""
_UNUSED = ("b_addr", "b_stride", "table_addr")
"""Fields that a command need not use."""
_REDUCTIONS = (Function.LAYER_NORM, Function.RMS_NORM, Function.SOFTMAX)


@dataclass(frozen=True)
class VectorCommand:
    """An operation and its operands. ``a`` of one row is repeated for ``rows`` rows, as ``b`` of one row or column is;
    ``noise`` holds values of fields that the command does not use."""

    op: VectorOp
    rows: int
    a: Array
    b: Array | None = None
    noise: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_UNUSED, 0))

    @classmethod
    def of_shape(
        cls,
        rng: np.random.Generator,
        rows: int,
        cols: int,
        *,
        function: Function | None = None,
        combine: Combine | None = None,
        types: Types | None = None,
    ) -> VectorCommand:
        """Anything that the command can do, on [rows, cols] elements; ``types`` are those of A, B and Y."""
        function = Function(rng.integers(len(Function))) if function is None else function
        combine = Combine(rng.integers(len(Combine))) if combine is None else combine
        a_type, b_type, y_type = types or (ElementType(kind) for kind in rng.integers(0, len(ElementType), 3))
        a = _values(rng, a_type, (rows if rng.random() < 0.85 else 1, cols))
        b = None
        if combine is not Combine.ALONE:
            b_shapes = ((rows, cols), (1, cols), (rows, 1), (1, 1))
            b = _values(rng, b_type, b_shapes[rng.choice(4, p=[0.55, 0.15, 0.2, 0.1])])

        factor_bits = min(16, 8 * b_type.nbytes) if combine is Combine.MULTIPLY else 16
        target = int(rng.choice([15, 15, 14, 18, 24]))
        shift = max(0, 8 * a_type.nbytes - 1 + factor_bits - target)
        z_bits = {Function.NONE: target, Function.SOFTMAX: 15}.get(function, 16)
        most = (1 << EPSILON_BITS) - 1
        op = VectorOp(
            y_type=y_type,
            out=_record(rng, z_bits, 8 * y_type.nbytes, cols if rng.random() < 0.5 else None),
            combine=combine,
            a_multiplier=_multiplier(rng),
            b_multiplier=_multiplier(rng),
            combine_shift=shift if rng.random() < 0.8 else int(rng.integers(64)),
            function=function,
            epsilon=int(rng.choice([0, 1, rng.integers(1 << 30), rng.integers(most), most])),
            table=_table(rng) if function is Function.TABLE else None,
        )
        noise = {name: int(rng.integers(1 << 29)) * BUS_BYTES for name in _UNUSED}
        noise |= {} if combine is Combine.ADD else {"b_multiplier": _multiplier(rng)}
        return cls(op, rows, a, b, noise)

    @classmethod
    def of_constant_rows(
        cls, rng: np.random.Generator, cols: int, values: Sequence[int], epsilon: int, function: Function
    ) -> VectorCommand:
        """A function of four rows of int16, each of a single value out of ``values``."""
        types = (_INT16, _INT16, ElementType.INT32)
        one = cls.of_shape(rng, 4, cols, function=function, combine=Combine.ALONE, types=types)
        op = replace(one.op, a_multiplier=1, combine_shift=0, epsilon=epsilon, out=Record(gain=1, shift=8))
        return replace(one, op=op, a=np.repeat(rng.choice(values, (4, 1)), cols, axis=1).astype(np.int16))

    @classmethod
    def random(cls, rng: np.random.Generator, config: AcceleratorConfig) -> VectorCommand:
        """Rows of any width."""
        cols = int(rng.choice([rng.integers(1, 10), rng.integers(1, 70), rng.integers(1, config.max_columns + 1)]))
        return cls.of_shape(rng, int(rng.integers(1, max(2, min(20, _MOST_ELEMENTS // cols)))), cols)

    @classmethod
    def types(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[VectorCommand]:
        """Each combination of A, B and Y types in a random order, with the functions in turn."""
        types = list(product(ElementType, repeat=3))
        for number, place in enumerate(rng.permutation(len(types))):
            combine, function = (Combine.ADD, Combine.MULTIPLY)[number % 2], list(Function)[number % len(Function)]
            cols = int(rng.integers(1, 60))
            yield cls.of_shape(rng, 3, cols, function=function, combine=combine, types=types[place])

    @classmethod
    def boundaries(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[VectorCommand]:
        """Widths around the group, the beat and the burst, and the widest; several rows each, every function."""
        widest = config.max_columns
        for function in Function:
            for cols in (1, 2, 3, 4, 5, 6, 7, 8, 9, 63, 64, 65, widest - 1, widest):
                yield cls.of_shape(rng, 3 if cols > 100 else 7, cols, function=function)

    @classmethod
    def extremes(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[VectorCommand]:
        """Rows of one value: no variance, no mean square, the largest sums, with and without the largest epsilon.

        And all but one at the other end of the range: the largest result of a norm, weights that vanish in a softmax.
        """
        epsilons, widest = (0, 1, (1 << EPSILON_BITS) - 1), config.max_columns
        for function, cols, epsilon in product(_REDUCTIONS, (1, 5, widest), epsilons):
            yield cls.of_constant_rows(rng, cols, (0, 1, -1, _LOW, _HIGH), epsilon, function)
        for function in _REDUCTIONS:
            one = cls.of_constant_rows(rng, widest, (_LOW, _HIGH), 0, function)
            one.a[np.arange(4), rng.integers(0, widest, 4)] ^= -1
            yield one

    @classmethod
    def short_rows(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[VectorCommand]:
        """More rows in flight than any queue between the stages holds."""
        for function, (cols, rows) in product(Function, ((1, 70), (6, 40))):
            yield cls.of_shape(rng, rows, cols, function=function)

    @classmethod
    def huge(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[tuple[VectorCommand, Change]]:
        """As many rows as a single bit says, and one more, or as many as one transfer takes."""
        for (bit, more), function in zip(product(range(6, 24), (1, MAX_BURST_BEATS)), cycle(Function), strict=False):
            yield cls.of_shape(rng, 20, 3, function=function), exchange(rows=(1 << bit) + more)

    @classmethod
    def ties(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[VectorCommand]:
        """Sums that the combination halves, results that the output stage halves by its shift or by its bias, about
        zero and at both ends of every type of Y, and the bits below the bias that decide."""
        one = Record(1 << 8, 8)
        for y_type, shift in product(ElementType, (1, 2, 16)):
            ends = np.iinfo(y_type.dtype)
            centre = (
                rng.choice([0, 0, ends.min, ends.max], 40) if y_type is not ElementType.INT32 else np.zeros(40, int)
            )
            total = (2 * (centre + rng.integers(-3, 4, 40)) + 1 << shift - 1) + rng.choice([0, 0, 0, -1, 1], 40)
            b = rng.integers(-50, 50, 40).astype(np.int8)[None]
            a = (total[None] - b).astype(np.int32)
            yield cls(VectorOp(y_type, one, combine_shift=shift), 1, total[None].astype(np.int32))
            yield cls(VectorOp(y_type, one, Combine.ADD, combine_shift=shift), 1, a, b)
            for bias in (0, 128, -128, 127, 129):
                record = Record(rng.choice([1, 3, -1], 40), shift + 8 - (bias != 0), np.full(40, bias))
                scaled = (centre + rng.integers(-3, 4, 40) << shift + 7).clip(-(1 << 23), (1 << 23) - 1)
                yield cls(VectorOp(y_type, record), 1, (scaled + rng.choice([0, 0, -1, 1], 40))[None].astype(np.int32))

    @classmethod
    def table_ends(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[VectorCommand]:
        """The first and the last entries, entries met exactly and the places beside them, and what saturates."""
        near = np.concatenate([np.arange(-2, 3) + at for at in (_LOW, -128, 0, 128, _HIGH, -(1 << 23), (1 << 23) - 1)])
        for _ in range(3):
            one = cls.of_shape(rng, 1, len(near), function=Function.TABLE, combine=Combine.ALONE)
            op = replace(one.op, y_type=ElementType.INT32, out=Record(1 << 8, 8), a_multiplier=1, combine_shift=0)
            yield replace(one, op=op, a=near[None].astype(np.int32))

    @classmethod
    def softmax_steps(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[VectorCommand]:
        """Distances from a row's largest at and beside each halving of a weight, beyond the last as well."""
        steps = (np.arange(SOFTMAX_STEPS + 3) << EXP2_FRACTION_BITS)[:, None] + np.array([-1, 0, 1])
        for top in (0, -(1 << 23) + int(steps.max()), (1 << 23) - 1):
            row = np.append(top - steps.ravel().clip(0), top)
            one = cls.of_constant_rows(rng, len(row), (0,), 0, Function.SOFTMAX)
            yield replace(one, rows=2, a=np.stack([row, rng.permutation(row)]).astype(np.int32))

    @classmethod
    def each_kind(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[VectorCommand]:
        """Every function of every combination."""
        for function, combine in product(Function, Combine):
            yield cls.of_shape(rng, 5, 11, function=function, combine=combine)

    @classmethod
    def row_counts(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[VectorCommand]:
        """Rows about the number that one transfer takes where they lie side by side, B by columns, by rows, or one."""
        for number, (rows, combine) in enumerate(product((1, 15, 16, 17, 33), (Combine.ALONE, Combine.ADD))):
            yield cls.of_shape(rng, rows, 1 + number, function=Function(number % len(Function)), combine=combine)

    def result(self) -> Array:
        return vector(self.op, np.broadcast_to(self.a, (self.rows, self.a.shape[1])), self.b)

    def place(self, layout: Layout) -> PlacedCommand:
        op, rows, a, b, cols = self.op, self.rows, self.a, self.b, self.a.shape[1]
        column = b is not None and b.shape[1] == 1 and (cols > 1 or bool(layout.rng.integers(2)))
        per_column = np.ndim(op.out.gain) == 1
        arrays = {"a": a} | ({} if b is None else {"b": b}) | {"y": np.zeros((rows, cols), op.y_type.dtype)}
        matrices = {name: padded_rows(layout.rng, array) for name, array in arrays.items()}
        vectors = {"params": op.out.packed()} | ({} if op.table is None else {"table": op.table})
        ranges = {name: layout.put(array) for name, array in (matrices | vectors).items()}
        layout.expect(ranges["y"][0], matrices["y"], self.result())

        fields = op.fields | self.noise | {f"{name}_addr": start for name, (start, _) in ranges.items()}
        places = {}
        for name, array in matrices.items():
            # A stride of 0 repeats a single row; it is as good as any other where there is only one.
            repeats = len(array) == 1 and (rows > 1 or (name != "y" and layout.rng.random() < 0.5))
            stride = fields[f"{name}_stride"] = layout.stride(0 if repeats else array.shape[1])
            nbytes = arrays[name].shape[1] * arrays[name].itemsize
            places[name] = row_ranges(ranges[name][0], rows, stride, nbytes)
        command = encode(
            VECTOR,
            (VectorFlags.B_COLUMN if column else 0) | (VectorFlags.PER_COLUMN if per_column else 0),
            **fields,
            rows=rows,
            cols=cols,
            a_type=ElementType.of(a.dtype),
            b_type=ElementType.of(b.dtype) if b is not None else int(layout.rng.integers(4)),
        )
        once = rows * beats(cols * a.itemsize) + sum(beats(array.nbytes) for array in vectors.values())
        once += 0 if b is None else rows * beats((1 if column else cols) * b.itemsize)
        writes = places.pop("y")
        reads = [*chain.from_iterable(places.values()), *(ranges[name] for name in vectors)]
        return PlacedCommand(command, ErrorCode.NONE, reads, writes, once)


def _values(rng: np.random.Generator, kind: ElementType, shape: tuple[int, int]) -> Array:
    """Over the type's whole range, of any magnitude, extreme throughout, or constant within each row."""
    limits = np.iinfo(kind.dtype)
    values = rng.integers(limits.min, limits.max, shape, np.int64, endpoint=True)
    match rng.choice(4, p=[0.4, 0.3, 0.15, 0.15]):
        case 1:
            values = values >> rng.integers(0, limits.bits, shape)
        case 2:
            values = rng.choice([limits.min, limits.max], shape)
        case 3:
            values = np.repeat(values[:, :1], shape[1], axis=1)
    return values.astype(kind.dtype)


def _multiplier(rng: np.random.Generator) -> int:
    return int(rng.choice([rng.integers(_LOW, _HIGH + 1), rng.integers(-8, 9), _LOW, _HIGH]))


def _record(rng: np.random.Generator, z_bits: int, y_bits: int, cols: int | None) -> Record:
    """A record whose results mostly fit, or anything; one per column when ``cols`` is given."""
    size = cols or 1
    gain = rng.integers(_LOW, _HIGH + 1, size)
    shift = np.clip(z_bits + 15 - y_bits + rng.integers(-3, 4, size), 0, 63)
    bias = rng.integers(-(1 << 31), 1 << 31, size) >> np.maximum(24 - y_bits, 0)
    if rng.random() < 0.3:
        shift = rng.integers(0, 64, size)
        bias = rng.choice([-(1 << 31), (1 << 31) - 1, 0, 127, 128, 129, -128], size)
    if cols is None:
        return Record(int(gain[0]), int(shift[0]), int(bias[0]))
    return Record(gain, shift, bias)


def _table(rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Records without any order, or of the steepest steps."""
    if rng.random() < 0.3:
        return rng.choice(np.array([_LOW, _HIGH], np.int16), (TABLE_ENTRIES, 2))
    return rng.integers(_LOW, _HIGH + 1, (TABLE_ENTRIES, 2)).astype(np.int16)
