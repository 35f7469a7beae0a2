"""How linear layers enter the int8 array: the format of their common operand and the integers of their weights.

An int8 operand has a step and an offset per column. The offset goes into the bias. The steps are shared between operand and
weights so that a few large columns do not cost the others their precision (G. Xiao et al., "SmoothQuant", 2023); how far
is chosen by the error on real inputs. What error remains on average goes into the bias, too. Where one int8 is too coarse
the operand stays int16 and enters as two int8 matrices, a high and a low part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.compiler.calibrate import Observation
from gatewright.compiler.formats import INT8, INT16, Format

__all__ = ["HEADROOM", "LinearPlan", "Weight", "plan_linears"]

HEADROOM = 1.5
"""How far a value may exceed its calibrated range in int16."""

HEADROOM_INT8 = 1.1
"""How far an operand in int8 may."""

STRENGTHS = (0.0, 0.3, 0.5, 0.65, 0.8, 1.0)
"""Shares of the columns' differences that move into the weights; the one with the least error is taken."""

NARROWEST = 0.01
"""No column counts as narrower than this share of the widest."""

FINE_ABOVE = 0.02
"""Relative error of a linear layer's output beyond which its operand goes as a high and a low part."""

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
    operand : the format of its input: int8 per column, or int16 with one scale for a ``fine`` layer.
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


def plan_linears(weights: Sequence[Weight], seen: Observation, *, offset: bool) -> list[LinearPlan]:
    """The plans of layers ``y = x W^T`` that read the same input, of which ``seen`` are some rows.

    ``offset``: whether the input's int8 form may have one.
    """
    centre = (seen.low + seen.high) / 2 if offset else np.zeros_like(seen.low)
    half = np.maximum(seen.high - centre, centre - seen.low)
    half = np.maximum(half, NARROWEST * half.max(initial=0.0)) * HEADROOM_INT8
    half = np.where(half > 0, half, 1.0)
    heights = np.max([np.abs(weight.real).max(0) for weight in weights], axis=0)
    heights = np.maximum(heights, 1e-6 * heights.max(initial=1e-30))
    sample = seen.sample.astype(np.float64)
    expected = [sample @ weight.real.T for weight in weights]

    def plans(form: Format, fine: bool) -> list[LinearPlan]:
        read = form.quantise(sample).astype(np.float32)
        return [_plan(weight, form, fine, read, target) for weight, target in zip(weights, expected, strict=True)]

    best: list[LinearPlan] = []
    for strength in STRENGTHS if len(sample) else STRENGTHS[:1]:
        factor = half**strength / heights ** (1 - strength) if strength else np.ones_like(half)
        step = factor * (half / factor).max() / 127
        found = plans(Format(INT8, step, centre), False)
        if not best or _total(found) < _total(best):
            best = found
    if max(plan.error for plan in best) <= FINE_ABOVE:
        return best
    fine = plans(Format.of(INT16, seen.largest * HEADROOM), True)
    return fine if _total(fine) < 0.5 * _total(best) else best


def _plan(weight: Weight, form: Format, fine: bool, read: npt.NDArray[np.float32], expected: Array) -> LinearPlan:
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
        shift = missing.mean(0)
        bias = bias + shift
        error = float(np.sqrt(np.square(missing - shift).mean() / max(np.square(expected).mean(), 1e-30)))
    return LinearPlan(form, integers, unit, bias, fine, error)


def _total(plans: Sequence[LinearPlan]) -> float:
    return float(np.square([plan.error for plan in plans]).sum())
