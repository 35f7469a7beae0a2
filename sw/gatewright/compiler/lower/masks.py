"""Key masks: truth values that reach the fabric as bit strings, one row of bits per sequence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.kernels import View
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.masks import is_mask, source

__all__ = ["key_mask", "packed"]


def key_mask(step: LoweredStep, value: ir.Value | None, batch: int, keys: int) -> list[View | None]:
    """The bits of each of ``batch`` sequences of ``keys`` keys; None where all are attended to."""
    if value is None:
        return [None] * batch
    origin, opposite = source(value)
    constant = step.constant(origin)
    if constant is None:
        bits = step.integers(origin, "bit", zero_point=int(opposite))
    else:
        truth = np.asarray(constant).astype(bool).reshape(-1, keys) ^ opposite
        if truth.all():
            return [None] * batch
        bits = View.constant(f"{value.name} bits", packed(truth))
    return [bits.part(index if bits.rows != 1 else 0, 1) for index in range(batch)]


@rule("Not", refuse=lambda node, _config: None if is_mask(node.outputs[0]) else "what it gives is no mask of attention")
def negation(_node: ir.Node, _step: LoweredStep) -> None:
    """Nothing: readers of a mask take the opposite of the bits that it is made of."""


def packed(truth: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """bool [rows, keys] as little-endian bit strings, padded to 8 bytes: uint8 [rows, bytes]."""
    rows, keys = truth.shape
    padded = np.zeros((rows, -(-keys // 64) * 64), bool)
    padded[:, :keys] = truth
    return np.packbits(padded, axis=1, bitorder="little")
