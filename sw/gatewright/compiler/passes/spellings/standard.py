"""Operators of ONNX that have no rule of their own, spelled with those that have one."""

from collections.abc import Mapping
from typing import ClassVar

from gatewright.compiler.passes.spellings.einsum import einsum
from gatewright.compiler.passes.spellings.group_norm import group_norm, instance_norm
from gatewright.compiler.passes.spellings.padding import pad, triangle
from gatewright.compiler.passes.spellings.respell import Respell, Spelling
from gatewright.compiler.passes.spellings.rotary import rotary
from gatewright.compiler.passes.spellings.softmax import log_softmax

__all__ = ["SpellStandard"]


class SpellStandard(Respell):
    """Before: RotaryEmbedding, Einsum, Pad, Trilu, LogSoftmax, GroupNormalization, InstanceNormalization.

    After: products, sums, moves, softmax and layer norms.
    """

    spellings: ClassVar[Mapping[tuple[str, str], Spelling]] = {
        ("", "RotaryEmbedding"): Spelling(rotary),
        ("", "Einsum"): Spelling(einsum),
        ("", "Pad"): Spelling(pad, (1, 2, 3)),
        ("", "Trilu"): Spelling(triangle, (1,)),
        ("", "LogSoftmax"): Spelling(log_softmax),
        ("", "GroupNormalization"): Spelling(group_norm),
        ("", "InstanceNormalization"): Spelling(instance_norm),
    }
