"""Several constants that are added one after another become one."""

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import Array, Pass, array, emit, is_private, operands, producer, replace

__all__ = ["JoinSums"]


class JoinSums(Pass):
    """Before: ``Add(Add(x, a), b)`` with constants, as of positions and segments. After: ``Add(x, a + b)``."""

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        for node in list(model.graph):
            outer = _constant_sum(node)
            inner = _constant_sum(producer(outer[0], "Add")) if outer is not None and is_private(outer[0]) else None
            if outer is None or inner is None:
                continue
            new = emit("Add", [inner[0], inner[1] + outer[1]], node, model.graph)
            replace(node.outputs[0], new)
            changed = True
        return changed


def _constant_sum(node: ir.Node | None) -> tuple[ir.Value, Array] | None:
    """What ``node`` adds: a value, and a constant of float."""
    if node is None or node.domain or node.op_type != "Add":
        return None
    for value, constant in operands(node):
        data = array(constant)
        if data is not None and data.dtype == np.float32 and array(value) is None:
            return value, data
    return None
