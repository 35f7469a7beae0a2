"""onnxruntime's operators on quantised values become ONNX's on real ones, between DequantizeLinear and
QuantizeLinear."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import Array, array
from gatewright.compiler.passes.spellings.respell import CONTRIB, Respell, Speller, Spelling, given, optional

__all__ = ["SpellQuantised"]


def _real(spell: Speller, node: ir.Node, at: int, axis: int | None = None) -> ir.Value:
    """Inputs ``at`` (integers, scale, zero point) as real numbers; ``axis`` has scales of its own."""
    return _dequantised(spell, node.inputs[at], node.inputs[at + 1], optional(node, at + 2), axis)


def _dequantised(
    spell: Speller, value: ir.Value | None, scale: ir.Value | Array | None, zero: ir.Value | None, axis: int | None
) -> ir.Value:
    stored = [value, scale, *([zero] if zero is not None else [])]
    return spell("DequantizeLinear", *stored, more={} if axis is None else {"axis": axis})


def _quantised(spell: Speller, node: ir.Node, value: ir.Value, at: int) -> ir.Value:
    """A result in the scale and zero point that inputs ``at`` give; uint8 without a zero point."""
    zero = optional(node, at + 1)
    kind = node.outputs[0].dtype or (zero.dtype if zero is not None else None) or ir.DataType.UINT8
    return spell("QuantizeLinear", value, node.inputs[at], *([zero] if zero is not None else []), dtype=kind)


def _binary(op_type: str) -> Spelling:
    """Of two operands: each has integers, scale and zero point; then scale and zero point of the result."""

    def spell_out(node: ir.Node) -> Sequence[ir.Value]:
        spell = Speller(node)
        y = spell(op_type, _real(spell, node, 0), _real(spell, node, 3))
        return [_quantised(spell, node, y, 6)]

    return Spelling(spell_out)


def _unary(op_type: str, *attributes: str) -> Spelling:
    """Of one operand, with those of its ``attributes`` that a node has."""

    def spell_out(node: ir.Node) -> Sequence[ir.Value]:
        spell = Speller(node)
        had = {name: node.attributes[name] for name in attributes if name in node.attributes}
        return [_quantised(spell, node, spell(op_type, _real(spell, node, 0), more=had), 3)]

    return Spelling(spell_out)


def _softmax(node: ir.Node) -> Sequence[ir.Value | None] | None:
    """From operator set 13 on; before, all axes behind ``axis`` were one."""
    if (node.attributes.get_int("opset", 0) or 0) < 13:
        return None
    return _unary("Softmax", "axis").spell(node)


def _gemm(node: ir.Node) -> Sequence[ir.Value] | None:
    """``alpha A B + C``; C is int32 in units of the product."""
    a_scale, b_scale = (array(node.inputs[index]) for index in (1, 4))
    if a_scale is None or b_scale is None or a_scale.size != 1:
        return None
    alpha, turned = node.attributes.get_float("alpha", 1.0) or 0.0, node.attributes.get_int("transB", 0) or 0
    spell = Speller(node)
    terms = [_real(spell, node, 0), _real(spell, node, 3, (0 if turned else 1) if b_scale.size > 1 else None)]
    if optional(node, 6) is not None:
        unit = np.float32(alpha) * a_scale.reshape(()) * b_scale.reshape(-1)
        several = unit.size > 1
        unit = (unit if several else unit.reshape(())).astype(np.float32)
        terms.append(_dequantised(spell, node.inputs[6], unit, None, 0 if several else None))
    y = spell("Gemm", *terms, alpha=alpha, transA=node.attributes.get_int("transA", 0) or 0, transB=turned)
    return [_quantised(spell, node, y, 7) if given(node, 7) else y]


def _attention(node: ir.Node) -> Sequence[ir.Value] | None:
    """``QAttention`` without a cache of earlier keys: x and weights in int8, all else as of ``Attention``."""
    scale = array(node.inputs[4])
    if given(node, 8) or node.attributes.get_int("do_rotary", 0) == 1 or scale is None:
        return None
    spell = Speller(node)
    x = _dequantised(spell, node.inputs[0], node.inputs[3], optional(node, 6), None)
    weight = _dequantised(spell, node.inputs[1], node.inputs[4], optional(node, 7), 1 if scale.size > 1 else None)
    kept = {name: node.attributes[name] for name in _OF_ATTENTION if name in node.attributes}
    return [spell("Attention", x, weight, node.inputs[2], optional(node, 5), domain=CONTRIB, more=kept)]


_OF_ATTENTION = ("num_heads", "unidirectional", "mask_filter_value", "scale")


class SpellQuantised(Respell):
    """Before: ``com.microsoft.QLinearAdd``, ``QGemm``, ``QAttention`` and the like. After: the same of real numbers,
    between DequantizeLinear and QuantizeLinear."""

    folds: ClassVar[bool] = False  # the import of quantised models reads the scales
    spellings: ClassVar[Mapping[tuple[str, str], Spelling]] = {
        (CONTRIB, "QLinearAdd"): _binary("Add"),
        (CONTRIB, "QLinearMul"): _binary("Mul"),
        (CONTRIB, "QLinearSigmoid"): _unary("Sigmoid"),
        (CONTRIB, "QLinearLeakyRelu"): _unary("LeakyRelu", "alpha"),
        (CONTRIB, "QLinearSoftmax"): Spelling(_softmax),
        (CONTRIB, "QGemm"): Spelling(_gemm),
        (CONTRIB, "QAttention"): Spelling(_attention),
    }
