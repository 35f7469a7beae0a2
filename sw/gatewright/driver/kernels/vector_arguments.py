"""Checks of the arguments of :meth:`Accelerator.vector`, and what the command says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.driver.kernels.kernel_arguments import Matrix, alternatives, matrix_shape, per_column, size
from gatewright.spec.commands import VECTOR, VectorFlags
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.fixed import SHIFT_MAX
from gatewright.spec.vector import EPSILON_BITS, MIN_SHIFT, TABLE_ENTRIES, Combine, ElementType, Function
from gatewright.spec.vector_op import Record, VectorOp

__all__ = ["VectorShape", "operation", "vector_shape"]

_KINDS = tuple(kind.dtype for kind in ElementType)


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


def vector_shape(config: AcceleratorConfig, a: Matrix, b: Matrix | None, op: VectorOp) -> VectorShape:
    """Check the arguments of :meth:`Accelerator.vector`. Raises :class:`DriverError` naming the argument."""
    a_rows, cols = matrix_shape("a", a, *_KINDS)
    size("columns of a (cols)", cols, VECTOR, "cols", config)
    params = operation(op, cols)
    rows, column, b_rows = a_rows, False, 1
    if (b is None) != (op.combine is Combine.ALONE):
        raise DriverError(f"b is {'missing' if b is None else 'given'}, but combine is {op.combine.name}")
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
    flags = VectorFlags.B_COLUMN if column else VectorFlags(0)
    flags |= VectorFlags.PER_COLUMN if len(params) > 1 else VectorFlags(0)
    types = {"a_type": ElementType.of(a.dtype), "b_type": ElementType.of((a if b is None else b).dtype)}
    fields = op.fields | types
    return VectorShape(rows, cols, flags, params, fields, a_rows < rows, b_rows < rows, op.y_type.dtype)


def operation(op: VectorOp, cols: int) -> npt.NDArray[np.void]:
    """Check an operation on rows of ``cols`` elements; its output records. Raises :class:`DriverError`."""
    if not isinstance(op, VectorOp):
        raise DriverError(f"op is a {type(op).__name__}, allowed: a VectorOp")
    _one_of("combine", op.combine, Combine)
    _one_of("function", op.function, Function)
    _one_of("y_type", op.y_type, ElementType)
    _table(op)
    _integer("epsilon", op.epsilon, 0, (1 << EPSILON_BITS) - 1)
    for name in ("a_multiplier", "b_multiplier", "combine_shift"):
        _integer(name, getattr(op, name), *VECTOR.field(name).range)
    return _records(op.out, cols)


def _integer(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= int(value) <= high:
        raise DriverError(f"{name} is {value!r}, allowed: an integer in {low}..{high}")


def _one_of(name: str, value: object, kind: type[Combine] | type[Function] | type[ElementType]) -> None:
    if not isinstance(value, kind):
        raise DriverError(f"{name} is {value!r}, allowed: {alternatives(member.name for member in kind)}")


def _table(op: VectorOp) -> None:
    table, wanted = op.table, (TABLE_ENTRIES, 2)
    if (table is None) != (op.function is not Function.TABLE):
        raise DriverError(f"table is {'missing' if table is None else 'given'}, but function is {op.function.name}")
    if table is not None and not (isinstance(table, np.ndarray) and table.dtype == np.int16 and table.shape == wanted):
        found = f"{table.dtype} of shape {table.shape}" if isinstance(table, np.ndarray) else type(table).__name__
        raise DriverError(f"table is {found}, allowed: int16 of shape {wanted}")


def _records(out: Record, cols: int) -> npt.NDArray[np.void]:
    """One record, or one per column when any of the values has that many."""
    if not isinstance(out, Record):
        raise DriverError(f"out is a {type(out).__name__}, allowed: a Record")
    limits = {"gain": (-(1 << 15), (1 << 15) - 1), "shift": (MIN_SHIFT, SHIFT_MAX), "bias": (-(1 << 31), (1 << 31) - 1)}
    for name, (low, high) in limits.items():
        values = np.asarray(getattr(out, name))
        per_column(name, np.atleast_1d(values), cols if values.ndim else 1, low, high)
    return out.packed()
