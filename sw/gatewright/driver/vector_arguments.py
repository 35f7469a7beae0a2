"""Checks of the arguments of :meth:`Accelerator.vector`, and what the command says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.arguments import Matrix, alternatives, matrix_shape, per_column, result_dtype, size
from gatewright.driver.errors import DriverError
from gatewright.spec.commands import VECTOR, VECTOR_PARAMS_DTYPE, VectorFlags
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.fixed import SHIFT_MAX
from gatewright.spec.vector import EPSILON_BITS, MIN_SHIFT, TABLE_ENTRIES, Combine, ElementType, Function

__all__ = ["OutRecord", "VectorOperation", "VectorShape", "vector_shape"]

_KINDS = tuple(kind.dtype for kind in ElementType)


@dataclass(frozen=True)
class OutRecord:
    """The output stage ``y = saturate(round_half_even(z * gain / 2**shift + bias / 2**8))``.

    Parameters
    ----------
    gain : -32768..32767. shift : 8..63. bias : int32 with 8 fraction bits. Each one integer, or one per column.
    """

    gain: npt.ArrayLike = 1 << MIN_SHIFT
    shift: npt.ArrayLike = MIN_SHIFT
    bias: npt.ArrayLike = 0


@dataclass(frozen=True)
class VectorOperation:
    """What a vector command does to its operands; see :mod:`gatewright.spec.vector`.

    Parameters
    ----------
    combine : ALONE, ADD or MULTIPLY.
    a_multiplier, b_multiplier : -32768..32767; the first for ALONE and ADD, the second for ADD.
    combine_shift : 0..63.
    function : NONE, TABLE, LAYER_NORM, RMS_NORM or SOFTMAX.
    epsilon : of a norm, in squared units of its input times the square of the number of columns, 0..2**48 - 1.
    table : int16 [512, 2], for TABLE (:func:`gatewright.spec.vector.table_records`).
    out : the output stage.
    """

    combine: Combine = Combine.ALONE
    a_multiplier: int = 1
    b_multiplier: int = 1
    combine_shift: int = 0
    function: Function = Function.NONE
    epsilon: int = 0
    table: npt.NDArray[np.int16] | None = None
    out: OutRecord = field(default_factory=OutRecord)


@dataclass(frozen=True)
class VectorShape:
    """A checked vector command: flags, fields that are no addresses or strides, output records, and which operands
    repeat their first row."""

    rows: int
    cols: int
    flags: VectorFlags
    params: npt.NDArray[np.void]
    fields: dict[str, int]
    repeat_a: bool
    repeat_b: bool
    out_dtype: np.dtype[Any]


def vector_shape(
    config: AcceleratorConfig, a: Matrix, b: Matrix | None, operation: VectorOperation, dtype: npt.DTypeLike
) -> VectorShape:
    """Check the arguments of :meth:`Accelerator.vector`. Raises :class:`DriverError` naming the argument."""
    if not isinstance(operation, VectorOperation):
        raise DriverError(f"operation is a {type(operation).__name__}, allowed: a VectorOperation")
    a_rows, cols = matrix_shape("a", a, *_KINDS)
    size("columns of a (cols)", cols, VECTOR, "cols", config)
    _one_of("combine", operation.combine, Combine)
    _one_of("function", operation.function, Function)
    rows, column, b_rows = a_rows, False, 1
    if (b is None) != (operation.combine is Combine.ALONE):
        raise DriverError(f"b is {'missing' if b is None else 'given'}, but combine is {operation.combine.name}")
    if b is not None:
        b_rows, b_cols = matrix_shape("b", b, *_KINDS)
        rows, column = max(a_rows, b_rows), b_cols != cols
        for what, value, whole in (
            ("rows of a", a_rows, rows),
            ("rows of b", b_rows, rows),
            ("columns of b", b_cols, cols),
        ):
            if value not in (1, whole):
                raise DriverError(f"{what} is {value}, allowed: {whole}, or 1 to be repeated")
    size("rows", rows, VECTOR, "rows", config)
    params = _records(operation.out, cols)
    flags = VectorFlags.B_COLUMN if column else VectorFlags(0)
    flags |= VectorFlags.PER_COLUMN if len(params) > 1 else VectorFlags(0)
    out = result_dtype("dtype", dtype, *_KINDS)
    _table(operation)
    epsilon = _integer("epsilon", operation.epsilon, 0, (1 << EPSILON_BITS) - 1)
    word = VECTOR.field("epsilon").width
    fields = {
        name: _integer(name, getattr(operation, name), *VECTOR.field(name).range)
        for name in ("a_multiplier", "b_multiplier", "combine_shift")
    }
    fields |= {"epsilon": epsilon & ((1 << word) - 1), "epsilon_high": epsilon >> word}
    fields |= {"combine": operation.combine, "function": operation.function}
    fields |= {"a_type": ElementType.of(a.dtype), "b_type": ElementType.of((a if b is None else b).dtype)}
    fields["y_type"] = ElementType.of(out)
    return VectorShape(rows, cols, flags, params, fields, a_rows < rows, b_rows < rows, out)


def _integer(name: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= int(value) <= high:
        raise DriverError(f"{name} is {value!r}, allowed: an integer in {low}..{high}")
    return int(value)


def _one_of(name: str, value: object, kind: type[Combine] | type[Function]) -> None:
    if not isinstance(value, kind):
        raise DriverError(f"{name} is {value!r}, allowed: {alternatives(member.name for member in kind)}")


def _table(operation: VectorOperation) -> None:
    table, wanted = operation.table, (TABLE_ENTRIES, 2)
    if (table is None) != (operation.function is not Function.TABLE):
        raise DriverError(
            f"table is {'missing' if table is None else 'given'}, but function is {operation.function.name}"
        )
    if table is not None and not (isinstance(table, np.ndarray) and table.dtype == np.int16 and table.shape == wanted):
        found = f"{table.dtype} of shape {table.shape}" if isinstance(table, np.ndarray) else type(table).__name__
        raise DriverError(f"table is {found}, allowed: int16 of shape {wanted}")


def _records(out: OutRecord, cols: int) -> npt.NDArray[np.void]:
    """One record, or one per column when any of the values has that many."""
    if not isinstance(out, OutRecord):
        raise DriverError(f"out is a {type(out).__name__}, allowed: an OutRecord")
    limits = {"gain": (-(1 << 15), (1 << 15) - 1), "shift": (MIN_SHIFT, SHIFT_MAX), "bias": (-(1 << 31), (1 << 31) - 1)}
    given = {name: np.asarray(getattr(out, name)) for name in limits}
    records = np.zeros(cols if any(values.ndim for values in given.values()) else 1, VECTOR_PARAMS_DTYPE)
    for name, values in given.items():
        count = len(records) if values.ndim else 1
        records[name] = per_column(name, values if values.ndim else values[None], count, *limits[name])
    return records
