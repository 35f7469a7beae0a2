"""The number formats of a model's values: those that its readers demand, or int16 wide enough for what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.formats import INT8, INT16, Format, integer_format
from gatewright.compiler.quantisation.headroom import HEADROOM
from gatewright.compiler.quantisation.linear_plan import LinearPlan
from gatewright.compiler.quantisation.observation import Observation

__all__ = ["VANISHING", "WITHIN_ONE", "Plan"]

WITHIN_ONE = {"Softmax", "Sigmoid", "HardSigmoid", "Tanh", "Erf", "Softsign", "L2Norm", "Sin", "Cos"}
"""Operators whose results are never larger than 1, whatever calibration saw."""


VANISHING = 24.0
"""exp(-VANISHING) is nothing beside 1: scores so far below the largest may be any lower one."""


@dataclass(eq=False)
class Plan:
    """Formats of a model's values.

    Attributes
    ----------
    observations : by value name.
    linears : by node name.
    demands : the formats in which readers need a value, by value.
    """

    observations: Mapping[str, Observation]
    linears: dict[str, LinearPlan] = field(default_factory=dict)
    demands: dict[ir.Value, list[Format]] = field(default_factory=dict)

    def largest(self, value: ir.Value) -> float:
        """The largest magnitude that calibration saw, of a constant: that it holds; 1 where nothing is known."""
        if value.const_value is not None:
            return float(np.abs(value.const_value.numpy().astype(np.float64)).max(initial=0.0))
        seen = self.observations.get(value.name or "")
        return seen.largest if seen is not None and seen.largest > 0 else 1.0

    def reach(self, value: ir.Value) -> float:
        """The largest magnitude that other inputs may bring."""
        seen = self.observations.get(value.name or "")
        if value.const_value is not None:
            return self.largest(value)
        return self.largest(value) * (seen.headroom if seen is not None else HEADROOM)

    def masked(self, value: ir.Value) -> bool:
        """Whether some elements only say that something is not there."""
        seen = self.observations.get(value.name or "")
        return value.const_value is None and seen is not None and seen.masked

    def columns(self, value: ir.Value) -> npt.NDArray[np.float64]:
        """Largest magnitude of each column; no column counts as less than 1 % of the largest."""
        seen = self.observations.get(value.name or "")
        if seen is None:
            return np.asarray(self.largest(value))
        return np.maximum(seen.columns, 0.01 * self.largest(value))

    def wide(self, value: ir.Value) -> Format:
        """int16 with one scale; integers as they are."""
        if value.dtype is not None and value.dtype.is_integer():
            return integer_format(value.dtype.numpy())[0]
        if self.within_one(value):
            return Format.of(INT16, 1.0)
        if self.whole(value):
            return Format.of_integers(self.largest(value) * HEADROOM)
        return Format.of(INT16, self.reach(value) + (VANISHING if self.masked(value) else 0.0))

    def narrow(self, value: ir.Value) -> Format:
        """int8 with one scale; integers as they are."""
        if value.dtype is not None and value.dtype.is_integer():
            return integer_format(value.dtype.numpy())[0]
        if self.whole(value) and self.largest(value) <= np.iinfo(INT8).max:
            return Format(INT8, np.ones(()))
        return Format.of(INT8, self.reach(value) / (1.0 if value.const_value is not None else HEADROOM))

    def factor(self, value: ir.Value) -> Format:
        """int8 for a computed factor of a product, with room for what calibration has not seen: the largest factors
        make the largest products, so that a sum of those errs by as much as one that saturates."""
        narrow = self.narrow(value)
        if self.within_one(value) or value.const_value is not None or narrow.scale == 1:  # integers stay as they are
            return narrow
        return Format.of(INT8, self.reach(value))

    @staticmethod
    def within_one(value: ir.Value) -> bool:
        """Whether a value is never larger than 1, whatever it is made of."""
        producer = value.producer()
        return producer is not None and producer.op_type in WITHIN_ONE

    @staticmethod
    def is_cast(value: ir.Value) -> bool:
        """Whether a real value is made of integers."""
        cast = value.producer()
        source = cast.inputs[0] if cast is not None and cast.op_type == "Cast" else None
        return source is not None and source.dtype is not None and not source.dtype.is_floating_point()

    def whole(self, value: ir.Value) -> bool:
        """Whether a real value holds integers that 16 bits hold exactly."""
        return self.is_cast(value) and self.largest(value) * HEADROOM <= np.iinfo(INT16).max

    def entry(self, value: ir.Value, result: ir.Value) -> Format:
        """How the host writes integers ``value`` of which the fabric makes the real numbers ``result``: exact where 16
        bits hold what calibration saw and some more, what is beyond saturates.

        What all readers want comes as that, unless it has an offset, which takes a command. Before it the columns have
        scales of their own, or zero moves among numbers that lie far from it and close to each other, as times do.
        """
        seen, wanted = self.observations.get(value.name or ""), self.formats(result)
        only = wanted[0] if len(wanted) == 1 and not np.isnan(wanted[0].scale).any() else self.wide(result)
        if seen is None or not seen.low.size:
            return self.wide(result)
        if not (only.offset.any() or only.same(self.wide(result))):
            return only
        low, high = float(seen.low.min()), float(seen.high.max())
        plain, form = (Format.of_integers(each * HEADROOM) for each in (seen.largest, (high - low) / 2))
        if 4 * form.scale > plain.scale:
            form = plain
        else:
            form = Format(form.dtype, form.scale, np.rint((low + high) / 2 / form.scale) * form.scale)
        if only.scale.shape != seen.low.shape:
            return form
        columns, spans = Format.of_integers(seen.columns * HEADROOM), np.maximum(seen.high - seen.low, 1.0)
        return min((form, columns), key=lambda each: float((each.scale / spans).max()))

    def formats(self, value: ir.Value) -> list[Format]:
        """The distinct formats that readers want; int16 for those who take any."""
        found: list[Format] = []
        for form in _joined(self.demands.get(value, []), self.wide(value)):
            if not any(form.same(other) for other in found):
                found.append(form)
        return found


def _joined(demands: list[Format], wide: Format) -> list[Format]:
    """Demands that each concern some columns (NaN stands for the others) as one, or as ``wide`` where they differ."""
    parts = [form for form in demands if np.isnan(form.scale).any()]
    if not parts:
        return demands
    scale, offset = parts[0].scale.copy(), parts[0].offset.copy()
    for part in parts[1:]:
        known, both = ~np.isnan(part.scale), ~np.isnan(part.scale) & ~np.isnan(scale)
        if (part.scale[both] != scale[both]).any() or (part.offset[both] != offset[both]).any():
            scale[:] = np.nan
            break
        scale[known], offset[known] = part.scale[known], part.offset[known]
    whole = [form for form in demands if not np.isnan(form.scale).any()]
    if np.isnan(scale).all():
        return [wide, *whole]
    return [Format(parts[0].dtype, np.where(np.isnan(scale), np.nanmax(scale), scale), offset), *whole]
