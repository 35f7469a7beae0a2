"""What a VECTOR command does, as a value, and the fields and bytes that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import VECTOR, VECTOR_PARAMS_DTYPE
from gatewright.spec.errors import SpecError
from gatewright.spec.fixed import SHIFT_MAX
from gatewright.spec.vector import BIAS_FRACTION_BITS, GAIN_BITS, MIN_SHIFT, Combine, ElementType, Function

__all__ = ["FACTOR_LIMIT", "GAIN_MAX", "Record", "VectorOp"]

IntArray: TypeAlias = "npt.NDArray[np.integer[Any]]"  # quoted: numpy 1.21 cannot subscript its types
Real = npt.ArrayLike

GAIN_MAX = (1 << GAIN_BITS - 1) - 1
"""The largest gain, and the largest multiplier."""

FACTOR_LIMIT = GAIN_MAX / (1 << MIN_SHIFT)
"""Factors of this magnitude and above fit no record."""

_BIAS_MAX = (1 << 31) - 1


@dataclass(frozen=True)
class Record:
    """The output stage ``y = saturate(round_half_even(z * gain / 2**shift + bias / 2**8))``.

    Parameters
    ----------
    gain : -32768..32767. shift : 8..63. bias : int32, 8 fraction bits. Each one integer, or one per column [cols].
    """

    gain: IntArray | int = 1 << MIN_SHIFT
    shift: IntArray | int = MIN_SHIFT
    bias: IntArray | int = 0

    @classmethod
    def from_scale(cls, scale: Real, bias: Real = 0.0) -> Record:
        """The record nearest to ``y = z * scale + bias``, both [] or [cols]; relative error of a scale 2**-15 or less.

        A bias beyond 23 bits is cut to them. Raises :class:`SpecError` for a scale of magnitude 128 or more, or
        values that are not finite.
        """
        factors, biases = np.broadcast_arrays(np.asarray(scale, np.float64), np.asarray(bias, np.float64))
        if not (np.isfinite(factors).all() and np.isfinite(biases).all()):
            raise SpecError("a scale or bias of an output record is not finite")
        _, exponent = np.frexp(factors)
        shift = np.clip(GAIN_BITS - 1 - exponent, MIN_SHIFT, SHIFT_MAX)
        rounded_up = np.abs(np.rint(np.ldexp(factors, shift))) > GAIN_MAX  # to the next power of two
        shift = np.where(rounded_up, np.maximum(shift - 1, MIN_SHIFT), shift)
        gain = np.rint(np.ldexp(factors, shift))
        if np.abs(gain).max(initial=0) > GAIN_MAX:
            raise SpecError(f"the scale of an output record is {np.abs(factors).max():g}, allowed below 128")
        limited = np.clip(np.rint(biases * (1 << BIAS_FRACTION_BITS)), -_BIAS_MAX, _BIAS_MAX)
        return cls(gain.astype(np.int16), shift.astype(np.uint8), limited.astype(np.int32))

    @property
    def factor(self) -> npt.NDArray[np.float64]:
        """What ``gain`` and ``shift`` multiply by: [] or [cols]."""
        return np.asarray(np.ldexp(np.asarray(self.gain, np.float64), -np.asarray(self.shift, np.int64)))

    def packed(self) -> npt.NDArray[Any]:
        """As the command reads it from memory: one VECTOR_PARAMS_DTYPE, or one per column where any value has that."""
        gain, shift, bias = np.broadcast_arrays(*np.atleast_1d(self.gain, self.shift, self.bias))
        records = np.zeros(gain.shape, VECTOR_PARAMS_DTYPE)
        records["gain"], records["shift"], records["bias"] = gain, shift, bias
        return records


@dataclass(frozen=True)
class VectorOp:
    """Everything of a VECTOR command but its operands and sizes.

    Parameters
    ----------
    y_type : of the result.
    out : the output stage.
    combine : ALONE, ADD or MULTIPLY.
    a_multiplier, b_multiplier : -32768..32767; the first for ALONE and ADD, the second for ADD.
    combine_shift : 0..63.
    function : NONE, TABLE, LAYER_NORM, RMS_NORM or SOFTMAX.
    epsilon : of a norm, in squared units of its input times the square of the number of columns, 0..2**48 - 1.
    table : int16 [512, 2], for TABLE (:func:`gatewright.spec.vector.table_records`).
    """

    y_type: ElementType
    out: Record = Record()
    combine: Combine = Combine.ALONE
    a_multiplier: int = 1
    b_multiplier: int = 1
    combine_shift: int = 0
    function: Function = Function.NONE
    epsilon: int = 0
    table: npt.NDArray[np.int16] | None = None

    @property
    def by_row(self) -> bool:
        """Whether an element of the result depends on its whole row, so that rows cannot be cut."""
        return self.function in (Function.LAYER_NORM, Function.RMS_NORM, Function.SOFTMAX)

    @property
    def fields(self) -> dict[str, int]:
        """The command's fields by name, but for operands and sizes; a multiplier that is not used is 0."""
        word = VECTOR.field("epsilon").width
        return {
            "a_multiplier": int(self.a_multiplier),
            "b_multiplier": int(self.b_multiplier) if self.combine is Combine.ADD else 0,
            "combine_shift": int(self.combine_shift),
            "epsilon": int(self.epsilon) & ((1 << word) - 1),
            "epsilon_high": int(self.epsilon) >> word,
            "combine": self.combine,
            "function": self.function,
            "y_type": self.y_type,
        }

    @property
    def epilogue_fields(self) -> dict[str, int]:
        """The like of a GEMM command whose epilogue it is, with P for A and D for B."""
        fields = self.fields
        renamed = {"p_multiplier": "a_multiplier", "d_multiplier": "b_multiplier", "c_type": "y_type"}
        same = ("combine_shift", "combine", "function")
        return {name: fields[of] for name, of in renamed.items()} | {name: fields[name] for name in same}
