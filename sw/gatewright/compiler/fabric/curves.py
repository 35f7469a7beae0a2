"""Tables for functions of real numbers: straight pieces between 513 points, of which kinks and jumps are made some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.operations import lookup
from gatewright.spec.vector import TABLE_STEP_BITS, ElementType, apply_table, table_records
from gatewright.spec.vector_op import VectorOp

__all__ = ["Curve", "Function"]

Function = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

TOP = (1 << 15) - 1
STEP = 1 << TABLE_STEP_BITS

_KINK_RANGE = (3 << 13, 1 << 15)
"""Multipliers that may move kinks onto points, over 2**15: at most a quarter of the resolution goes."""

_JUMP_RANGE = (1 << 14, 5 << 12)
"""Multipliers that may move a jump between two integers, over 2**14: never do two operands become one argument."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A function as the vector engine computes it on integers a of ``unit``.

    Attributes
    ----------
    unit : real value of one unit of the operand.
    multiplier, shift : the table's argument is a * multiplier / 2**shift, saturated to 16 bits.
    records : int16 [512, 2].
    scale : real value of one unit of the result.
    """

    unit: float
    multiplier: int
    shift: int
    records: npt.NDArray[np.int16]
    scale: float

    @classmethod
    def of(
        cls,
        function: Function,
        unit: float,
        bound: float,
        limit: float,
        *,
        zoom: int = 1,
        kinks: Sequence[float] = (),
        jump: float | None = None,
    ) -> Curve:
        """The curve of ``function`` on operands up to ``bound`` units.

        Parameters
        ----------
        limit : results beyond this magnitude need not be told apart.
        zoom : a power of two; arguments beyond 1 / zoom of an int16's range saturate, those below get so many more
            points.
        kinks : where the slope changes; the operand is scaled so that points of the table lie there.
        jump : where the value changes; the value there belongs to its left.
        """
        if jump is not None and abs(jump) > min(bound, TOP) * unit:
            jump = None  # no operand is beyond it
        multiplier, shift = zoom, 0
        if zoom == 1 and bound <= 128:
            multiplier = 256  # each int8 meets a point
        elif kinks:
            multiplier, shift = _aligned(np.asarray(kinks) / unit), 15
        elif jump is not None:
            multiplier, shift = _straddling(round(jump / unit)), 14
        argument = unit * 2.0**shift / multiplier
        scale = _largest(function, min(bound * unit, (TOP + 1) * argument), limit) / TOP

        def bounded(x: Any) -> Any:
            with np.errstate(all="ignore"):
                values = np.asarray(function(np.asarray(x, np.float64)), np.float64)
            top = TOP * scale
            return np.clip(np.nan_to_num(values, nan=0.0, posinf=top, neginf=-top), -top, top)

        near = 1e-6 * STEP * argument  # from which side a point is looked at matters where the function jumps
        records = table_records(lambda x: bounded(x + near), argument, scale)
        records[:, 1] = table_records(lambda x: bounded(x - near), argument, scale)[:, 1]
        if jump is not None and multiplier != 256:
            point = round(jump / argument / STEP)
            before = bounded(np.asarray([point * STEP * argument - 1.5 * argument]))
            records[point + len(records) // 2 - 1, 1] = round(float(before[0]) / scale)
        return cls(unit, multiplier, shift, records, scale)

    def operation(self, y_scale: npt.ArrayLike, bias: npt.ArrayLike, y_type: ElementType) -> VectorOp:
        """``y = curve(x) + bias`` for a result of scale ``y_scale``; both [] or [columns]."""
        return lookup(
            self.records, self.scale, y_scale, y_type, multiplier=self.multiplier, shift=self.shift, bias=bias
        )

    def __call__(self, x: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """What comes out for real numbers x, before it is rounded to its format."""
        integers = np.clip(np.rint(np.asarray(x, np.float64) / self.unit), -TOP - 1, TOP)
        arguments = np.rint(integers * self.multiplier / 2.0**self.shift).astype(np.int64)
        return apply_table(self.records, arguments) * self.scale


def _largest(function: Function, edge: float, limit: float) -> float:
    """The largest finite magnitude of a function up to ``edge``, at most ``limit``."""
    with np.errstate(all="ignore"):
        values = np.abs(np.asarray(function(np.linspace(-edge, edge, 4097)), np.float64))
    values = values[np.isfinite(values)]
    return min(float(values.max(initial=0.0)), limit) or limit


def _aligned(kinks: npt.NDArray[np.float64]) -> int:
    """The multiplier (over 2**15) that brings all kinks nearest to points."""
    candidates = np.arange(*_KINK_RANGE)
    places = kinks[:, None] * candidates / 2.0**15
    off = np.abs(places - np.rint(places / STEP) * STEP).max(0)
    best = np.flatnonzero(off <= off.min() + 0.01)
    return int(candidates[best[-1]])  # of equals the one with the finest arguments


def _straddling(jump: int) -> int:
    """The multiplier (over 2**14) by which the argument of ``jump`` is the last before a point."""
    candidates = np.arange(*_JUMP_RANGE)
    arguments = np.rint(jump * candidates / 2.0**14)
    good = np.flatnonzero(arguments % STEP == STEP - 1)
    return int(candidates[good[0]]) if len(good) else int(candidates[0])
