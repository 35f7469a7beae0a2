"""Operators that onnxruntime's optimiser writes, spelled with ONNX's and with ours."""

from collections.abc import Mapping
from typing import ClassVar

from gatewright.compiler.passes.spellings.gelu import fast_gelu, gelu, quick_gelu
from gatewright.compiler.passes.spellings.norms import embed, rms_norm, skip_norm
from gatewright.compiler.passes.spellings.products import fused_matmul, matmul_nbits
from gatewright.compiler.passes.spellings.respell import CONTRIB, Respell, Spelling
from gatewright.compiler.passes.spellings.rotary import contrib_rotary

__all__ = ["SpellContrib"]


class SpellContrib(Respell):
    """Before: ``com.microsoft.SkipLayerNormalization``, ``BiasGelu``, ``MatMulNBits`` and the like.

    After: sums, norms, GELUs and products.
    """

    spellings: ClassVar[Mapping[tuple[str, str], Spelling]] = {
        (CONTRIB, "SkipLayerNormalization"): Spelling(skip_norm(simplified=False)),
        (CONTRIB, "SkipSimplifiedLayerNormalization"): Spelling(skip_norm(simplified=True)),
        ("", "SimplifiedLayerNormalization"): Spelling(rms_norm),
        (CONTRIB, "EmbedLayerNormalization"): Spelling(embed),
        (CONTRIB, "Gelu"): Spelling(gelu),
        (CONTRIB, "BiasGelu"): Spelling(gelu),
        (CONTRIB, "FastGelu"): Spelling(fast_gelu),
        (CONTRIB, "QuickGelu"): Spelling(quick_gelu),
        (CONTRIB, "FusedMatMul"): Spelling(fused_matmul),
        (CONTRIB, "MatMulNBits"): Spelling(matmul_nbits),
        (CONTRIB, "RotaryEmbedding"): Spelling(contrib_rotary),
    }
