"""Expand goes where the operator that follows broadcasts by itself."""

from collections.abc import Sequence
from itertools import zip_longest

import onnx_ir as ir

from gatewright.compiler.passes.rewriting import Pass

__all__ = ["DropExpands"]

_BROADCASTING = {
    *("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "And", "Or", "Equal"),
    *("Less", "LessOrEqual", "Greater", "GreaterOrEqual"),
}
_Sizes = list[int | ir.SymbolicDim]


class DropExpands(Pass):
    """Before: ``Div(x, Expand(norm))``. After: ``Div(x, norm)``, where the result has the same shape."""

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        for node in model.graph:
            source = node.inputs[0] if node.op_type == "Expand" and node.domain == "" else None
            if source is None:
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
    values = [source if at == index else value for at, value in enumerate(node.inputs) if value is not None]
    shapes = [list(value.shape) for value in values if value.shape is not None]
    output = node.outputs[0].shape
    return output is not None and len(shapes) == len(values) and _broadcast(shapes) == list(output)


def _broadcast(shapes: Sequence[_Sizes]) -> _Sizes | None:
    """The shape that ``shapes`` have together, where no unknown size decides it."""
    joined: _Sizes = []
    for column in zip_longest(*(shape[::-1] for shape in shapes), fillvalue=1):
        sizes = [size for size in column if size != 1]
        if any(size != sizes[0] or size == ir.SymbolicDim(None) for size in sizes):
            return None
        joined.append(sizes[0] if sizes else 1)
    return joined[::-1]
