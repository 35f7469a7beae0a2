"""VECTOR commands on tensors: an operation of `spec.operations` on their scales, cut to what a command holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.curves import Curve
from gatewright.compiler.fabric.kernel_list import KernelList
from gatewright.compiler.fabric.kernels import View
from gatewright.compiler.formats import Format, Tensor
from gatewright.spec import integer_operations, operations
from gatewright.spec.commands import VECTOR, VectorFlags
from gatewright.spec.vector import ElementType
from gatewright.spec.vector_op import VectorOp

__all__ = ["VectorCommands"]

Real = npt.ArrayLike


class VectorCommands(KernelList):
    """Each method computes a matrix ``y``, whose integers are in the format ``out``."""

    def scale(self, a: Tensor, y: View, out: Format, factor: Real = 1.0, bias: Real = 0.0) -> None:
        """``y = a * factor + bias``; ``a`` may have a scale per column, as may the constants."""
        whole = np.asarray(bias, np.float64) + np.asarray(factor) * a.format.offset - out.offset
        scale = np.asarray(factor, np.float64) * a.format.scale
        self.vector(operations.requantise(scale, out.scale, _type(y), bias=whole, bound=a.bound), a.view, None, y)

    def add(
        self,
        a: Tensor,
        b: Tensor,
        y: View,
        out: Format,
        *,
        a_sign: int = 1,
        b_sign: int = 1,
        b_column: bool = False,
        factor: Real = 1.0,
        bias: Real = 0.0,
        positive: bool = False,
    ) -> None:
        """``y = (a_sign * a + b_sign * b) * factor + bias``, 0 where that is negative if only ``positive`` is wanted.

        A view of stride 0 repeats its row; with ``b_column`` b has one value per row. ``factor`` and ``bias`` are [] or
        [columns].
        """
        op = operations.add(
            a_sign * float(a.format.scale),
            b_sign * float(b.format.scale),
            out.scale,
            _type(y),
            factor=factor,
            bias=np.asarray(bias) - out.offset,
            positive=positive,
            bounds=(a.bound, b.bound),
        )
        self.vector(op, a.view, b.view, y, b_column=b_column)

    def multiply(self, a: Tensor, b: Tensor, y: View, out: Format, *, b_column: bool = False) -> None:
        """``y = a * b`` element by element; b as for :meth:`add`."""
        scales = float(a.format.scale), float(b.format.scale)
        op = operations.multiply(*scales, out.scale, _type(y), bias=-out.offset, bounds=(a.bound, b.bound))
        self.vector(op, a.view, b.view, y, b_column=b_column)

    def table(self, a: Tensor, y: View, out: Format, curve: Curve) -> None:
        """``y = curve(a)`` for int8 or int16 with one scale."""
        self.vector(curve.operation(out.scale, -out.offset, _type(y)), a.view, None, y)

    def norm(
        self, a: Tensor, y: View, out: Format, gain: Real, bias: Real, epsilon: float, *, centre: bool = True
    ) -> None:
        """Layer norm (``centre``) or RMS norm of rows, times ``gain`` plus ``bias`` ([] or [columns])."""
        function = operations.layer_norm if centre else operations.rms_norm
        op = function(
            float(a.format.scale),
            a.view.cols,
            out.scale,
            gain,
            bias=np.asarray(bias) - out.offset,
            epsilon=epsilon,
            y_type=_type(y),
            bound=a.bound,
        )
        self.vector(op, a.view, None, y)

    def softmax(self, a: Tensor, y: View, out: Format) -> None:
        """Softmax of rows."""
        op = operations.softmax(float(a.format.scale), out.scale, _type(y), bias=-out.offset)
        self.vector(op, a.view, None, y)

    # ---- integers

    def add_integers(self, a: View, b: View, y: View, factor: int, bias: int, *, b_column: bool = False) -> None:
        """``y = a + b * factor + bias``, exact where the sum has at most 24 bits."""
        self.vector(integer_operations.add_integers(factor, bias, _type(y)), a, b, y, b_column=b_column)

    def high_part(self, a: View, y: View) -> None:
        """``y = round((a + 1/2) / 256)``: what it leaves of an int16 is an int8, -128 .. 127."""
        one = View.constant(f"{self.node} one", np.ones((1, 1), np.int8)).repeated(a.rows)
        self.vector(integer_operations.upper_byte(_type(y)), a, one, y, b_column=True)

    def requantise(self, a: Tensor, y: View, factor: npt.NDArray[np.float64], bias: int) -> None:
        """``y = round(a * factor) + bias`` of integers; the factor is [] or [columns]."""
        self.vector(integer_operations.rescale(factor, bias, _type(y), bound=a.bound), a.view, None, y)

    # ---- commands

    def vector(self, op: VectorOp, a: View, b: View | None, y: View, *, b_column: bool = False) -> None:
        """``op`` on matrices; one wider than a command holds is cut into columns, unless ``op`` needs whole rows."""
        width = self.config.max_columns
        if op.by_row and y.cols > width:
            raise CompileError(f"{self.node} ({self.operator}): a row has {y.cols} columns, allowed at most {width}")
        records = op.out.packed()
        per_column = len(records) > 1
        flags = VectorFlags.PER_COLUMN if per_column else VectorFlags(0)
        flags |= VectorFlags.B_COLUMN if b_column else VectorFlags(0)
        table = None if op.table is None else View.constant(f"{self.node} table", op.table.reshape(-1))
        for start in range(0, y.cols, width):
            cols = min(width, y.cols - start)
            views = {"a_addr": _columns(a, start, cols), "y_addr": _columns(y, start, cols)}
            if b is not None:
                views["b_addr"] = b if b_column else _columns(b, start, cols)
            part = records[start : start + cols] if per_column else records
            views["params_addr"] = View.constant(f"{self.node} records", part)
            if table is not None:
                views["table_addr"] = table
            sizes = {
                "rows": y.rows,
                "cols": cols,
                "a_stride": a.stride,
                "b_stride": 0 if b is None else b.stride,
                "y_stride": y.stride,
                "a_type": ElementType.of(a.dtype),
                "b_type": 0 if b is None else ElementType.of(b.dtype),
            }
            self.emit(VECTOR, flags, views, op.fields | sizes)


def _type(view: View) -> ElementType:
    return ElementType.of(view.dtype)


def _columns(view: View, start: int, cols: int) -> View:
    return view if view.cols == cols else view.part(0, view.rows, start, cols)
