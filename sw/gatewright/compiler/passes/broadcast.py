"""Expand goes where the operator that follows broadcasts by itself."""

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.graph import Pass, sizes

__all__ = ["DropExpands"]

_BROADCASTING = {
    *("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "And", "Or", "Equal"),
    *("Less", "LessOrEqual", "Greater", "GreaterOrEqual"),
}


class DropExpands(Pass):
    """Before: ``Div(x, Expand(norm))``. After: ``Div(x, norm)``, where the result has the same shape."""

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        for node in model.graph:
            source = node.inputs[0] if node.op_type == "Expand" and node.domain == "" else None
            if source is None or sizes(source) is None:
                continue
            for use in list(node.outputs[0].uses()):
                if (
                    use.node.domain == ""
                    and use.node.op_type in _BROADCASTING
                    and _same_shape(use.node, use.idx, source)
                ):
                    use.node.replace_input_with(use.idx, source)
                    changed = True
        return changed


def _same_shape(node: ir.Node, index: int, source: ir.Value) -> bool:
    shapes = [sizes(source if at == index else value) for at, value in enumerate(node.inputs) if value is not None]
    known = [shape for shape in shapes if shape is not None]
    return len(known) == len(shapes) and np.broadcast_shapes(*known) == sizes(node.outputs[0])
