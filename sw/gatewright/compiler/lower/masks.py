"""Key masks: truth values that reach the fabric as bit strings, one row of bits per sequence."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from gatewright.compiler.kernels import View
from gatewright.compiler.lower.context import Context
from gatewright.compiler.lower.rules import DOMAIN

__all__ = ["is_mask", "key_mask", "packed", "source"]

_OPERAND = {"Attention": 3, "MeanPool": 1}
"""Which input of an operator is a mask."""


def is_mask(value: ir.Value) -> bool:
    """Whether the value serves as a mask only, directly or behind Casts, so that it never exists as numbers."""
    uses = value.uses()
    return bool(uses) and not value.is_graph_output() and all(_reads_mask(node, index) for node, index in uses)


def _reads_mask(node: ir.Node, index: int) -> bool:
    if node.domain == DOMAIN:
        return _OPERAND.get(node.op_type) == index
    return node.op_type == "Cast" and not node.domain and is_mask(node.outputs[0])


def source(value: ir.Value) -> ir.Value:
    """What a mask is cast from: 0 stays False and 1 stays True in every type."""
    node = value.producer()
    while node is not None and node.op_type == "Cast" and not node.domain:
        assert node.inputs[0] is not None
        value = node.inputs[0]
        node = value.producer()
    return value


def key_mask(context: Context, value: ir.Value | None, batch: int, keys: int) -> list[View | None]:
    """The bits of each of ``batch`` sequences of ``keys`` keys; None where all are attended to."""
    if value is None:
        return [None] * batch
    origin = source(value)
    constant = context.constant(origin)
    if constant is None:
        bits = context.integers(origin, "bit")
    else:
        truth = np.asarray(constant).astype(bool).reshape(-1, keys)
        if truth.all():
            return [None] * batch
        bits = View.constant(f"{value.name} bits", packed(truth))
    return [bits.part(index if bits.rows != 1 else 0, 1) for index in range(batch)]


def packed(truth: np.ndarray) -> np.ndarray:
    """bool [rows, keys] as little-endian bit strings, padded to 8 bytes: uint8 [rows, bytes]."""
    rows, keys = truth.shape
    padded = np.zeros((rows, -(-keys // 64) * 64), bool)
    padded[:, :keys] = truth
    return np.packbits(padded, axis=1, bitorder="little")
