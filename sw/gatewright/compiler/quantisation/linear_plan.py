"""How linear layers enter the int8 array: the format of their common operand and the integers of their weights.

An int8 operand has a step and an offset per column. The offset goes into the bias. The steps are shared between operand
and weights so that a few large columns do not cost the others their precision (G. Xiao et al., "SmoothQuant", 2023).
How far that goes, and how far beyond what was seen a column's range reaches, is chosen by the error on rows that did
not set the ranges. What error remains on average goes into the bias, too. Where one int8 is too coarse the operand
stays int16 and enters as two int8 matrices, a high and a low part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import numpy.typing as npt

from gatewright.compiler.formats import INT8, INT16, Format
from gatewright.compiler.quantisation.headroom import HEADROOM
from gatewright.compiler.quantisation.observation import Observation

__all__ = ["FINE_ABOVE", "LinearPlan", "Weight", "plan_linears"]

DEFAULT = (0.5, 1.3, 1.0)
"""Strength, widening and floor where there are too few rows to choose by: columns may all reach as far as one did."""

FEWEST_ROWS = 64
"""To choose by."""

NARROWEST = 0.01
"""No column counts as narrower than this share of the widest."""

SMALL_ROW = 0.1
"""A row whose output has less than this share of the median power may err as much as one that has."""

STRENGTHS = (0.0, 0.5, 0.75, 1.0)
"""Shares of the columns' differences that move into the weights."""

WIDENINGS = (1.0, 1.3)
"""How far a column's range reaches beyond what was seen of it."""

FLOORS = (0.5, 0.9, 0.98)
"""Quantiles of the columns' ranges: no range is narrower than that of so many columns, whatever was seen of it."""

FINE_ABOVE = 0.05
"""Relative error of a linear layer's output beyond which its operand goes as a high and a low part."""

FINE_COLUMNS_ABOVE = 0.02
"""Relative error of a fine layer's output beyond which the columns of its operand have steps of their own."""

NARROWEST_FINE = (1e-2, 1e-4, 1e-6)
"""Shares of the widest column as which no other counts as narrower then: the first is taken that does."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Weight:
    """A layer's weight: real [n, k], and its integers with their scale ([] or [n]) where the model brings them."""

    real: Array
    integers: npt.NDArray[np.int8] | None = None
    scale: Array = field(default_factory=lambda: np.ones(()))


@dataclass(frozen=True, eq=False)
class LinearPlan:
    """How a linear layer runs.

    Attributes
    ----------
    operand : the format of its input: int8 per column, or for a ``fine`` layer int16, with one scale or one per column.
    weight : int8 [n, k], the columns' factors inside.
    unit : float64 [n], real value of one accumulator unit of each output (of a fine layer: of the low part).
    bias : float64 [n], to be added to the layer's own.
    error : relative root mean square error of the output over the sample.
    """

    operand: Format
    weight: npt.NDArray[np.int8] = field(repr=False)
    unit: Array = field(repr=False)
    bias: Array = field(repr=False)
    fine: bool
    error: float


def plan_linears(
    weights: Sequence[Weight],
    seen: Observation,
    *,
    offset: bool,
    keep_zero: bool = False,
    fine_above: float = FINE_ABOVE,
) -> list[LinearPlan]:
    """The plans of layers ``y = x W^T`` that read the same input, of which ``seen`` are some rows.

    ``offset``: whether the input's int8 form may have one. ``keep_zero``: whether rows of zeros give the bias alone.
    ``fine_above``: the relative error of an output beyond which the layers are fine; 0 for fine anyway.
    """
    sample = seen.sample.astype(np.float64)
    expected = [sample @ weight.real.T for weight in weights]

    def plans(form: Format, fine: bool) -> list[LinearPlan]:
        read = form.quantise(sample).astype(np.float32)
        pairs = zip(weights, expected, strict=True)
        return [_plan(weight, form, fine, read, target, keep_zero=keep_zero) for weight, target in pairs]

    def in_two_parts() -> list[LinearPlan]:
        columns = [np.maximum(seen.columns, share * seen.largest) for share in NARROWEST_FINE]
        largest: list[npt.ArrayLike] = [seen.largest, *columns]
        best: list[LinearPlan] = []
        for each in largest:
            found = plans(Format.of(INT16, np.asarray(each) * seen.headroom), True)
            best = min(best or found, found, key=_worst)
            if _worst(best) <= FINE_COLUMNS_ABOVE:
                break
        return best

    if not fine_above:
        return in_two_parts()
    steps = _Steps(weights, offset)
    choice, error = DEFAULT, 0.0
    if len(sample) >= FEWEST_ROWS:
        half = len(sample) // 2
        folds = ((_seen(sample[:half]), sample[half:]), (_seen(sample[half:]), sample[:half]))
        found = {
            each: np.mean([steps.error(steps.form(*each, known), held) for known, held in folds])
            for each in product(STRENGTHS, WIDENINGS, FLOORS)
        }
        choice = min(found, key=lambda each: found[each])
        error = float(found[choice])
    else:
        choice = (DEFAULT[0], DEFAULT[1] * seen.headroom / HEADROOM, DEFAULT[2])
        error = steps.error(steps.form(*choice, seen), sample) if len(sample) else 0.0
    if error <= fine_above**2:
        return plans(steps.form(*choice, seen), False)
    return in_two_parts()


def _worst(plans: Sequence[LinearPlan]) -> float:
    return max(each.error for each in plans)


class _Steps:
    """Ways to an int8 operand of given layers."""

    def __init__(self, weights: Sequence[Weight], offset: bool) -> None:
        self.offset = offset
        self.weights = [weight.real for weight in weights]
        self.heights = np.max([np.abs(real).max(0) for real in self.weights], axis=0)
        self.heights = np.maximum(self.heights, 1e-6 * self.heights.max(initial=1e-30))
        self.power = [np.square(real).sum(0) for real in self.weights]
        self.integers = [weight.integers is not None for weight in weights]

    def form(self, strength: float, widening: float, floor: float, seen: Observation) -> Format:
        """The format for columns of which ``seen`` is known."""
        mean = seen.sample.mean(0, dtype=np.float64) if len(seen.sample) else (seen.low + seen.high) / 2
        reach = np.maximum(np.maximum(seen.high - mean, mean - seen.low), 1e-30)
        wider = np.maximum(widening, np.quantile(reach, floor) / reach)
        # What no column has ever been, no column will be.
        low = np.maximum(mean - (mean - seen.low) * wider, _beyond(seen.low.min(), -widening))
        high = np.minimum(mean + (seen.high - mean) * wider, _beyond(seen.high.max(), widening))
        centre = (low + high) / 2 if self.offset else np.zeros_like(low)
        half = np.maximum(high - centre, centre - low)
        half = np.maximum(half, NARROWEST * half.max())
        half = np.where(half > 0, half, 1.0)
        factor = half**strength / self.heights ** (1 - strength) if strength else np.ones_like(half)
        return Format(INT8, factor * (half / factor).max() / 127, centre)

    def error(self, form: Format, rows: Array) -> float:
        """Expected squared relative error, the mean of all layers and ``rows``; see :data:`SMALL_ROW`."""
        off = np.square(form.quantise(rows) * form.scale + form.offset - rows)
        size = np.square(rows)
        coarse = size @ np.square(form.scale) ** -1
        found = []
        for real, power, integers in zip(self.weights, self.power, self.integers, strict=True):
            exact = integers and np.ptp(form.scale) == 0  # the model's own integers go into the array
            unit = 0.0 if exact else np.square(np.abs(real * form.scale).max(1) / 127).sum() / 12
            signal = size @ power  # of the output, were the columns independent
            signal = np.maximum(signal, max(SMALL_ROW * np.median(signal), 1e-3 * SMALL_ROW * signal.mean(), 1e-30))
            found.append(np.mean((off @ power + coarse * unit) / signal))
        return float(np.mean(found))


def _seen(rows: Array) -> Observation:
    return Observation(rows.min(0), rows.max(0), rows.astype(np.float32))


def _beyond(edge: float, widening: float) -> float:
    """Further out in the direction of the widening's sign."""
    return float(edge * abs(widening) if edge * widening > 0 else edge / abs(widening))


def _plan(
    weight: Weight, form: Format, fine: bool, read: npt.NDArray[np.float32], expected: Array, *, keep_zero: bool
) -> LinearPlan:
    """For integers ``read`` of the operand, whose outputs should be ``expected``."""
    scaled = weight.real * form.scale
    if weight.integers is not None and np.ptp(form.scale) == 0:
        integers, unit = weight.integers, np.broadcast_to(weight.scale * form.scale.flat[0], len(scaled)).astype(float)
    else:
        unit = np.maximum(np.abs(scaled).max(1), 1e-30) / 127
        integers = np.rint(scaled / unit[:, None]).astype(np.int8)
    bias = np.broadcast_to(weight.real @ np.broadcast_to(form.offset, scaled.shape[1:]), unit.shape)
    error = 0.0
    if len(read):
        missing = expected - ((read @ integers.T.astype(np.float32)) * unit + bias)
        shift = np.zeros_like(unit) if keep_zero else missing.mean(0)
        bias = bias + shift
        error = float(np.sqrt(np.square(missing - shift).mean() / max(np.square(expected).mean(), 1e-30)))
    return LinearPlan(form, integers, unit, bias, fine, error)
