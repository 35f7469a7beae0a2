"""Functions of the model become their bodies."""

import onnx_ir as ir
from onnx_ir.passes import common

from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.passes.rewriting import Pass

__all__ = ["InlineFunctions"]


class InlineFunctions(Pass):
    """Before: nodes that call functions stored in the model. After: their bodies; domain ``gatewright`` stays."""

    def rewrite(self, model: ir.Model) -> bool:
        return common.InlinePass(criteria=lambda function: function.domain != DOMAIN)(model).modified
