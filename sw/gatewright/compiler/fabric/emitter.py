"""Emits kernels: real factors become multipliers, shifts and records, and what one command cannot hold is split."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.curves import Curve
from gatewright.compiler.fabric.kernels import Kernel, Size, View, most
from gatewright.compiler.formats import INT8, INT16, INT32, Format, Tensor, element_type
from gatewright.spec.commands import (
    AGGREGATE,
    ATTENTION,
    GEMM,
    GEMM_PARAMS_DTYPE,
    VECTOR,
    VECTOR_PARAMS_DTYPE,
    AttentionFlags,
    GemmFlags,
    VectorFlags,
)
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import SpecError
from gatewright.spec.fixed import Requantise
from gatewright.spec.operations import Record
from gatewright.spec.tiling import keeps_a_resident
from gatewright.spec.vector import (
    EXP2_FRACTION_BITS,
    MIN_SHIFT,
    NORM_FRACTION_BITS,
    SOFTMAX_FRACTION_BITS,
    VALUE_BITS,
    Combine,
    Function,
    table_records,
)

__all__ = ["Emitter", "gemm_params", "vector_records"]

GAIN_MAX = (1 << 15) - 1
VALUE_MAX = (1 << VALUE_BITS - 1) - 1
ADD_ONE = 1 << 14
"""Multiplier of the coarser operand of a sum; scales whose ratio is a power of two are then met exactly."""
LARGEST_FACTOR = float(1 << 20)
"""From an operand's unit to the result's."""
Real = npt.ArrayLike


def gemm_params(factor: Real, bias: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    """GEMM's records: accumulator times ``factor`` (0..65535, broadcast to the columns), after adding ``bias``."""
    scales = [Requantise.from_scale(float(each)) for each in np.broadcast_to(np.asarray(factor), bias.shape)]
    records = np.zeros(len(bias), GEMM_PARAMS_DTYPE)
    records["bias"] = bias
    records["multiplier"] = [scale.multiplier for scale in scales]
    records["shift"] = [scale.shift for scale in scales]
    return records


def vector_records(factor: Real, bias: Real = 0.0) -> npt.NDArray[Any]:
    """VECTOR's records: z times ``factor`` (magnitude below 128) plus ``bias``, both [] or [columns]."""
    try:
        record = Record.from_scale(np.atleast_1d(factor), bias)
    except SpecError as error:
        raise CompileError(str(error)) from None
    records = np.zeros(np.shape(record.gain), VECTOR_PARAMS_DTYPE)
    records["gain"], records["shift"], records["bias"] = record.gain, record.shift, record.bias
    return records


def _inexactness(factor: npt.NDArray[np.float64]) -> float:
    """The largest relative error that the records of a factor make."""
    if np.abs(factor).max() >= GAIN_MAX / (1 << MIN_SHIFT):
        return math.inf
    records = vector_records(factor)
    return float(np.abs(records["gain"] / 2.0 ** records["shift"] / factor - 1).max())


class Emitter:
    """Collects kernels. ``node`` and ``operator`` label what is emitted next."""

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self.kernels: list[Kernel] = []
        self.node, self.operator = "", ""

    @contextmanager
    def labelled(self, node: str, operator: str) -> Iterator[None]:
        """Labels the kernels that are emitted inside."""
        before = self.node, self.operator
        self.node, self.operator = node, operator
        try:
            yield
        finally:
            self.node, self.operator = before

    def _emit(self, spec: Any, flags: int, views: dict[str, View], values: dict[str, Size]) -> None:
        self.kernels.append(Kernel(spec, flags, views, values, self.node, self.operator))

    # ---- gemm

    def gemm(self, a: View, b: View, c: View, params: View | None, *, b_is_kn: bool = False) -> None:
        """``C = requantise(A B)``; C's type chooses the result, int32 without a requantiser."""
        m, k, n = a.rows, a.cols, c.cols
        flags = GemmFlags.B_KN if b_is_kn else GemmFlags(0)
        flags |= {INT8: GemmFlags(0), INT16: GemmFlags.OUT_INT16, INT32: GemmFlags.OUT_INT32}[c.dtype]
        if keeps_a_resident(most(m), n, k, self.config, b_is_kn=b_is_kn):
            flags |= GemmFlags.A_RESIDENT
        views = {"a_addr": a, "b_addr": b, "c_addr": c}
        if params is not None:
            flags |= GemmFlags.PARAMS
            views["params_addr"] = params
        strides = {"a_stride": a.stride, "b_stride": b.stride, "c_stride": c.stride}
        self._emit(GEMM, flags, views, {"m": m, "n": n, "k": k, **strides})

    # ---- attention

    def attention(
        self,
        q: View,
        k: View,
        v: View,
        o: View,
        heads: int,
        score: Requantise,
        mix: Requantise,
        *,
        causal: bool = False,
        mask: View | None = None,
    ) -> None:
        """Multi-head attention; O's type chooses the result."""
        flags = AttentionFlags.CAUSAL if causal else AttentionFlags(0)
        flags |= AttentionFlags.OUT_INT16 if o.dtype == INT16 else AttentionFlags(0)
        views = {"q_addr": q, "k_addr": k, "v_addr": v, "o_addr": o}
        if mask is not None:
            flags |= AttentionFlags.KEY_MASK
            views["mask_addr"] = mask
        self._emit(
            ATTENTION,
            flags,
            views,
            {
                "seq_q": q.rows,
                "seq_kv": k.rows,
                "heads": heads,
                "head_dim": q.cols // heads,
                **{f"{name}_stride": view.stride for name, view in zip("qkvo", (q, k, v, o), strict=True)},
                "score_multiplier": score.multiplier,
                "score_shift": score.shift,
                "out_multiplier": mix.multiplier,
                "out_shift": mix.shift,
            },
        )

    # ---- aggregate

    def aggregate(
        self, row_ptr: View, col: View, weight: View, x: View, y: View, rows: Size, nnz: Size, scale: Requantise
    ) -> None:
        """``Y = requantise(W X)`` of int8, in slices of as many columns as a command holds."""
        width = self.config.max_features
        for start in range(0, x.cols, width):
            cols = min(width, x.cols - start)
            x_part, y_part = x.part(0, x.rows, start, cols), y.part(0, y.rows, start, cols)
            self._emit(
                AGGREGATE,
                0,
                {
                    "row_ptr_addr": row_ptr,
                    "col_addr": col,
                    "weight_addr": weight,
                    "x_addr": x_part,
                    "y_addr": y_part,
                },
                {
                    "rows": rows,
                    "cols": x.rows,
                    "nnz": nnz,
                    "features": cols,
                    "x_stride": x.stride,
                    "y_stride": y.stride,
                    "multiplier": scale.multiplier,
                    "shift": scale.shift,
                },
            )

    # ---- vector

    def scale(self, a: Tensor, y: View, out: Format, factor: Real = 1.0, bias: Real = 0.0) -> None:
        """``y = a * factor + bias`` in the format ``out``; ``a`` may have a scale per column, as may the constants."""
        real = np.asarray(factor, np.float64) * a.format.scale
        # Beyond LARGEST_FACTOR the smallest operand saturates, as it does with that.
        real = np.clip(real, -LARGEST_FACTOR * out.scale, LARGEST_FACTOR * out.scale)
        prescale, shift = self._alone(a.bound, float(np.abs(real / out.scale).max()))
        unit = real * 2.0**shift / prescale
        rest = np.asarray(bias, np.float64) + np.asarray(factor) * a.format.offset - out.offset
        records = vector_records(unit / out.scale, rest / out.scale)
        self._vector(a.view, None, y, records, a_multiplier=prescale, combine_shift=shift)

    def _alone(self, bound: float, factor: float) -> tuple[int, int]:
        """Multiplier (a power of two) and shift that bring an operand to 24 bits, and its factor below 128."""
        if bound > VALUE_MAX:
            return 1, math.ceil(math.log2(bound / VALUE_MAX))
        prescale = 1
        while factor / prescale >= GAIN_MAX / (1 << MIN_SHIFT):
            prescale *= 2
        return prescale, 0

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
        a_multiplier, b_multiplier, unit = self._common(a, b)
        bound = a.bound * a_multiplier + b.bound * b_multiplier
        room = GAIN_MAX if positive else VALUE_MAX
        shift = max(math.ceil(math.log2(max(bound / room, 1))), 0)
        self._vector(
            a.view,
            b.view,
            y,
            vector_records(np.asarray(factor) * unit * 2.0**shift / out.scale, (bias - out.offset) / out.scale),
            combine=Combine.ADD,
            function=Function.TABLE if positive else Function.NONE,
            table=self._records(table_records(lambda x: np.maximum(x, 0), 1.0, 1.0)) if positive else None,
            a_multiplier=a_sign * a_multiplier,
            b_multiplier=b_sign * b_multiplier,
            combine_shift=shift,
            flags=VectorFlags.B_COLUMN if b_column else VectorFlags(0),
        )

    def add_integers(self, a: View, b: View, y: View, factor: int, bias: int, *, b_column: bool = False) -> None:
        """``y = a + b * factor + bias`` of integers, exact where the sum has at most 24 bits."""
        self._vector(
            a,
            b,
            y,
            vector_records(1.0, float(bias)),
            combine=Combine.ADD,
            a_multiplier=1,
            b_multiplier=factor,
            flags=VectorFlags.B_COLUMN if b_column else VectorFlags(0),
        )

    def high_part(self, a: View, y: View) -> None:
        """``y = round((a + 1/2) / 256)``: no tie ever, so that what it leaves of an int16 is an int8, -128 .. 127."""
        one = View.constant(f"{self.node} one", np.ones((1, 1), np.int8)).repeated(a.rows)
        records = vector_records(1 / 512)
        self._vector(
            a,
            one,
            y,
            records,
            combine=Combine.ADD,
            a_multiplier=2,
            b_multiplier=1,
            flags=VectorFlags.B_COLUMN,
        )

    def requantise(self, a: Tensor, y: View, factor: npt.NDArray[np.float64], bias: int) -> None:
        """``y = round(a * factor) + bias`` of integers; the factor, [] or [columns], by two multipliers."""
        limit = np.iinfo(y.dtype).max + 1 + abs(bias)
        reach = min(a.bound, 2 * limit / float(np.abs(factor).min()))  # beyond it all saturate
        most = int(min(max(VALUE_MAX // reach, 1), GAIN_MAX))
        if a.bound > VALUE_MAX:
            return self.scale(Tensor(a.view, a.shape, a.format, a.bound), y, Format(y.dtype, np.ones(())), factor, bias)
        choices = range(max(most // 2, 1), most + 1)
        prescale = min(choices, key=lambda each: _inexactness(factor / each))
        self._vector(a.view, None, y, vector_records(factor / prescale, float(bias)), a_multiplier=prescale)
        return None

    def multiply(self, a: Tensor, b: Tensor, y: View, out: Format, *, b_column: bool = False) -> None:
        """``y = a * b`` element by element; b as for :meth:`add`."""
        bound = a.bound * b.bound
        shift = max(math.ceil(math.log2(max(bound / VALUE_MAX, 1))), 0)
        self._vector(
            a.view,
            b.view,
            y,
            vector_records(a.format.scale * b.format.scale * 2.0**shift / out.scale, -out.offset / out.scale),
            combine=Combine.MULTIPLY,
            combine_shift=shift,
            flags=VectorFlags.B_COLUMN if b_column else VectorFlags(0),
        )

    def table(self, a: Tensor, y: View, out: Format, curve: Curve) -> None:
        """``y = curve(a)`` for int8 or int16 with one scale."""
        self._vector(
            a.view,
            None,
            y,
            vector_records(curve.scale / out.scale, -out.offset / out.scale),
            function=Function.TABLE,
            a_multiplier=curve.multiplier,
            combine_shift=curve.shift,
            table=self._records(curve.records),
        )

    def _records(self, records: npt.NDArray[np.int16]) -> View:
        return View.constant(f"{self.node} table", records.reshape(-1))

    @staticmethod
    def _common(a: Tensor, b: Tensor) -> tuple[int, int, float]:
        """Multipliers that bring a and b to one unit, and that unit; 0 for one that is too fine to count."""
        unit = float(max(a.format.scale, b.format.scale)) / ADD_ONE
        return round(float(a.format.scale) / unit), round(float(b.format.scale) / unit), unit

    def norm(
        self, a: Tensor, y: View, out: Format, gain: Real, bias: Real, epsilon: float, *, centre: bool = True
    ) -> None:
        """Layer norm (``centre``) or RMS norm of rows, times ``gain`` plus ``bias`` ([] or [columns])."""
        prescale = 256 if a.view.dtype == INT8 else 1
        unit = float(a.format.scale) / prescale
        steps = min(round(epsilon * a.view.cols**2 / unit**2), (1 << 48) - 1)
        records = vector_records(
            np.asarray(gain, np.float64) * 2.0**-NORM_FRACTION_BITS / out.scale,
            (np.asarray(bias) - out.offset) / out.scale,
        )
        self._vector(
            a.view,
            None,
            y,
            records,
            function=Function.LAYER_NORM if centre else Function.RMS_NORM,
            a_multiplier=prescale,
            epsilon=steps,
        )

    def softmax(self, a: Tensor, y: View, out: Format) -> None:
        """Softmax of rows."""
        scale = Requantise.from_scale(float(a.format.scale) * math.log2(math.e) * (1 << EXP2_FRACTION_BITS))
        multiplier, shift = scale.multiplier, scale.shift
        if multiplier > GAIN_MAX:
            multiplier, shift = multiplier // 2, max(shift - 1, 0)
        records = vector_records(2.0**-SOFTMAX_FRACTION_BITS / out.scale, -out.offset / out.scale)
        self._vector(a.view, None, y, records, function=Function.SOFTMAX, a_multiplier=multiplier, combine_shift=shift)

    def _vector(
        self,
        a: View,
        b: View | None,
        y: View,
        records: npt.NDArray[Any],
        *,
        combine: Combine = Combine.ALONE,
        function: Function = Function.NONE,
        a_multiplier: int = 1,
        b_multiplier: int = 0,
        combine_shift: int = 0,
        epsilon: int = 0,
        table: View | None = None,
        flags: VectorFlags = VectorFlags(0),  # noqa: B008
    ) -> None:
        row_wise = function in (Function.LAYER_NORM, Function.RMS_NORM, Function.SOFTMAX)
        width = self.config.max_columns
        if row_wise and y.cols > width:
            raise CompileError(f"{self.node} ({self.operator}): a row has {y.cols} columns, allowed at most {width}")
        per_column = len(records) > 1
        for start in range(0, y.cols, width):
            cols = min(width, y.cols - start)
            part = records[start : start + cols] if per_column else records
            a_part = a if a.cols == cols else a.part(0, a.rows, start, cols)
            y_part = y.part(0, y.rows, start, cols)
            views = {"a_addr": a_part, "y_addr": y_part}
            if b is not None:
                column = VectorFlags.B_COLUMN in flags
                views["b_addr"] = b if column or b.cols == cols else b.part(0, b.rows, start, cols)
            views["params_addr"] = View.constant(f"{self.node} records", part)
            if table is not None:
                views["table_addr"] = table
            self._emit(
                VECTOR,
                int(flags | (VectorFlags.PER_COLUMN if per_column else VectorFlags(0))),
                views,
                {
                    "rows": y.rows,
                    "cols": cols,
                    "a_stride": a.stride,
                    "b_stride": b.stride if b is not None else 0,
                    "y_stride": y.stride,
                    "a_multiplier": a_multiplier,
                    "b_multiplier": b_multiplier,
                    "combine_shift": combine_shift,
                    "epsilon": epsilon & 0xFFFF_FFFF,
                    "epsilon_high": epsilon >> 32,
                    "combine": combine,
                    "function": function,
                    "a_type": element_type(a.dtype),
                    "b_type": element_type(b.dtype) if b is not None else 0,
                    "y_type": element_type(y.dtype),
                },
            )
