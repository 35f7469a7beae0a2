"""Stimulus of vector commands: layer norm, GELU and the like on int16 activations with one scale."""

import math
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from gatewright.driver.accelerator import Accelerator
from gatewright.spec import operations
from gatewright.spec.vector import NORM_FRACTION_BITS, ElementType, normalise
from gatewright.spec.vector_op import VectorOp
from gatewright_sim.commands import VectorCommand
from gatewright_sim.stimulus.base import Array, clamp

__all__ = ["EPSILON", "VectorFunction", "VectorStimulus"]

EPSILON = 1e-12
"""Of the norms: BERT's."""

_INT8_MAX, _INT16_MAX = (1 << 7) - 1, (1 << 15) - 1


class VectorFunction(Enum):
    """An operation on real numbers."""

    ADD = "add"
    MULTIPLY = "multiply"
    REQUANTISE = "requantise"
    GELU = "gelu"
    SOFTMAX = "softmax"
    LAYER_NORM = "layer-norm"
    RMS_NORM = "rms-norm"

    @property
    def operands(self) -> int:
        return 2 if self in (VectorFunction.ADD, VectorFunction.MULTIPLY) else 1


@dataclass(frozen=True)
class VectorStimulus:
    """int16 A (and B) [rows, cols], the real value of a unit of each, and the norms' affine part (float64 [cols])."""

    function: VectorFunction
    a: Array
    a_scale: float
    b: Array | None
    b_scale: float
    gain: Array
    bias: Array
    kernel: ClassVar[str] = "vector"

    @classmethod
    def random(cls, seed: int, function: VectorFunction, rows: int, cols: int) -> "VectorStimulus":
        """Normal operands, each row with a mean and a spread of its own."""
        rng = np.random.default_rng(seed)
        a, b = (rng.normal(rng.normal(0, 1, (rows, 1)), rng.uniform(0.2, 3, (rows, 1)), (rows, cols)) for _ in range(2))
        return cls.of(function, a, b, rng.normal(1, 0.2, cols), rng.normal(0, 0.2, cols))

    @classmethod
    def of(
        cls,
        function: VectorFunction,
        a: Array,
        b: Array | None = None,
        gain: Array | None = None,
        bias: Array | None = None,
    ) -> "VectorStimulus":
        """Real operands [rows, cols]; the largest value of each is full scale."""
        cols = a.shape[1]
        a_int, a_scale = _quantise(a)
        b_int, b_scale = _quantise(b) if b is not None and function.operands == 2 else (None, 1.0)
        gain = np.ones(cols) if gain is None else np.asarray(gain, np.float64)
        bias = np.zeros(cols) if bias is None else np.asarray(bias, np.float64)
        return cls(function, a_int, a_scale, b_int, b_scale, gain, bias)

    @property
    def output_type(self) -> ElementType:
        return ElementType.INT8 if self.function is VectorFunction.REQUANTISE else ElementType.INT16

    @cached_property
    def output_scale(self) -> float:
        """Such that nothing saturates: from the operands' full scale; of a norm, from its largest result."""
        match self.function:
            case VectorFunction.ADD:
                return self.a_scale + self.b_scale
            case VectorFunction.MULTIPLY:
                return self.a_scale * self.b_scale * _INT16_MAX
            case VectorFunction.REQUANTISE:
                return self.a_scale * _INT16_MAX / _INT8_MAX
            case VectorFunction.GELU:
                return self.a_scale
            case VectorFunction.SOFTMAX:
                return 1 / _INT16_MAX
            case VectorFunction.LAYER_NORM | VectorFunction.RMS_NORM:
                centre = self.function is VectorFunction.LAYER_NORM
                z = normalise(self.a, 0, centre) * 2.0**-NORM_FRACTION_BITS
                return float(np.abs(z * self.gain + self.bias * centre).max()) / _INT16_MAX or 1.0

    @property
    def op(self) -> VectorOp:
        """What the command does."""
        a, b, y, cols = self.a_scale, self.b_scale, self.output_scale, self.a.shape[1]
        match self.function:
            case VectorFunction.ADD:
                return operations.add(a, b, y)
            case VectorFunction.MULTIPLY:
                return operations.multiply(a, b, y)
            case VectorFunction.REQUANTISE:
                return operations.requantise(a, y, self.output_type)
            case VectorFunction.GELU:
                return operations.table(_gelu, a, y)
            case VectorFunction.SOFTMAX:
                return operations.softmax(a, y)
            case VectorFunction.LAYER_NORM:
                return operations.layer_norm(a, cols, y, self.gain, self.bias, EPSILON)
            case VectorFunction.RMS_NORM:
                return operations.rms_norm(a, cols, y, self.gain, EPSILON)

    @property
    def command(self) -> VectorCommand:
        return VectorCommand(self.op, len(self.a), self.a, self.b)

    def meaning(self) -> Array:
        """PyTorch's float64 result."""
        import torch
        from torch.nn import functional

        a = torch.from_numpy(self.a * self.a_scale)
        b = a if self.b is None else torch.from_numpy(self.b * self.b_scale)
        gain, bias = torch.from_numpy(self.gain), torch.from_numpy(self.bias)
        match self.function:
            case VectorFunction.ADD:
                y = a + b
            case VectorFunction.MULTIPLY:
                y = a * b
            case VectorFunction.REQUANTISE:
                y = a
            case VectorFunction.GELU:
                y = functional.gelu(a)
            case VectorFunction.SOFTMAX:
                y = a.softmax(-1)
            case VectorFunction.LAYER_NORM:
                y = functional.layer_norm(a, gain.shape, gain, bias, EPSILON)
            case VectorFunction.RMS_NORM:
                y = functional.rms_norm(a, gain.shape, gain, EPSILON)
        return y.numpy()

    def shape(self) -> dict[str, Any]:
        return {"function": self.function.value, "rows": self.a.shape[0], "cols": self.a.shape[1]}

    def arrays(self) -> dict[str, Array]:
        op = self.op
        out = {"gain": op.out.gain, "shift": op.out.shift, "bias": op.out.bias}
        arrays = {"a": self.a} | {name: np.asarray(value) for name, value in out.items()}
        arrays |= {} if self.b is None else {"b": self.b}
        return arrays if op.table is None else {**arrays, "table": op.table}

    def golden(self) -> Array:
        return self.command.result()

    def torch(self) -> Array:
        return clamp(self.meaning(), self.output_scale, self.output_type.dtype)

    def run(self, accelerator: Accelerator) -> Array:
        return accelerator.vector(self.a, self.b, self.op)


def _quantise(real: Array) -> tuple[Array, float]:
    """int16 and the value of one unit; the largest magnitude is full scale."""
    wide = np.asarray(real, np.float64)
    scale = float(np.abs(wide).max()) / _INT16_MAX or 1.0
    return np.rint(wide / scale).astype(np.int16), scale


def _gelu(x: Array) -> Array:
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
