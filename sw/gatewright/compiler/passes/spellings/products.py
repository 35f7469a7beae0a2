"""onnxruntime's products: with transposes and a factor, and with weights of a few bits in blocks."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import array
from gatewright.compiler.passes.spellings.respell import Speller, given, optional

__all__ = ["fused_matmul", "matmul_nbits"]


def fused_matmul(node: ir.Node) -> Sequence[ir.Value] | None:
    """``FusedMatMul``: alpha A B, each maybe transposed; without transposed batches."""
    if any(node.attributes.get_int(name, 0) for name in ("transBatchA", "transBatchB")):
        return None
    spell, factors = Speller(node), []
    for value, name in zip(node.inputs, ("transA", "transB"), strict=True):
        if value is None or value.shape is None or value.dtype != ir.DataType.FLOAT:
            return None
        rank = len(value.shape)
        turned = node.attributes.get_int(name, 0) == 1 and rank > 1
        perm = [*range(rank - 2), rank - 1, rank - 2]
        factors.append(spell("Transpose", value, perm=perm) if turned else value)
    product, alpha = spell("MatMul", *factors), node.attributes.get_float("alpha", 1.0)
    return [product if alpha == 1.0 else spell("Mul", product, np.float32(alpha))]


def matmul_nbits(node: ir.Node) -> Sequence[ir.Value] | None:
    """``MatMulNBits``: the weights as real numbers, [K, N], in a MatMul, and its bias."""
    x, bias = node.inputs[0], optional(node, 5)
    weight = None if given(node, 4) else _weight(node)  # input 4: the order of the blocks
    if x is None or x.dtype != ir.DataType.FLOAT or weight is None:
        return None
    spell = Speller(node)
    product = spell("MatMul", x, weight)
    return [product if bias is None else spell("Add", product, bias)]


def _weight(node: ir.Node) -> npt.NDArray[np.float32] | None:
    """``(q - zero) scale`` by blocks of K: q uint8 [N, blocks, bytes], low bits first; zero bits packed or real."""
    packed, scales, zeros = (array(optional(node, index)) for index in (1, 2, 3))
    bits, block, columns, inner = (node.attributes.get_int(name, 0) or 0 for name in ("bits", "block_size", "N", "K"))
    if packed is None or scales is None or bits not in (2, 4, 8) or (given(node, 3) and zeros is None):
        return None
    blocks = -(-inner // block)
    stored = _unpacked(packed.reshape(columns, blocks, -1), bits)[:, :, :block].astype(np.float32)
    if zeros is None:
        zero: npt.NDArray[np.float32] = np.full((columns, blocks), 1 << (bits - 1), np.float32)
    elif zeros.dtype == np.uint8:
        zero = _unpacked(zeros.reshape(columns, -1), bits)[:, :blocks].astype(np.float32)
    else:
        zero = zeros.reshape(columns, blocks).astype(np.float32)
    real = (stored - zero[:, :, None]) * scales.reshape(columns, blocks, 1).astype(np.float32)
    return np.ascontiguousarray(real.reshape(columns, blocks * block)[:, :inner].T)


def _unpacked(data: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
    """Numbers of ``bits`` in bytes, the first in the lowest bits, along the last axis."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    apart = data[..., None] >> shifts & np.uint8((1 << bits) - 1)
    return apart.reshape(*data.shape[:-1], -1)
