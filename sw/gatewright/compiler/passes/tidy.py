"""One node for equal nodes, no unused ones, a name for each."""

import onnx_ir as ir
from onnx_ir.passes import common

from gatewright.compiler.passes.rewriting import Pass

__all__ = ["MergeEqualNodes", "Name"]


class MergeEqualNodes(Pass):
    """Before: nodes that compute the same from the same inputs. After: one of them."""

    def rewrite(self, model: ir.Model) -> bool:
        return common.CommonSubexpressionEliminationPass()(model).modified


class Name(Pass):
    """Before: nodes and values that passes made. After: unused ones are gone, and each has a unique name."""

    def rewrite(self, model: ir.Model) -> bool:
        stages = (common.RemoveUnusedNodesPass(), common.RemoveUnusedOpsetsPass())
        changed = [stage(model).modified for stage in stages]
        return common.NameFixPass()(model).modified or any(changed)
