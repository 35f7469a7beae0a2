"""Operators that work on rows alone read their rows where they lie."""

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import Pass, elements, emit, producer, replace

__all__ = ["MoveViewsBehindLinear"]


class MoveViewsBehindLinear(Pass):
    """Before: ``Linear(Transpose(x))`` or ``Linear(Reshape(x))`` where each row of x stays a row.

    After: ``Transpose(Linear(x))``, ``Reshape(Linear(x))``. There the view meets the ones that split a projection into
    heads, and the two become shorter.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        for node in list(model.graph):
            while node.op_type == "Linear" and (moved := _move(model.graph, node)) is not None:
                node, changed = moved, True
        return changed


def _move(graph: ir.Graph, node: ir.Node) -> ir.Node | None:
    """The new Linear, or None if its input is no view of rows."""
    view, output = producer(node.inputs[0], "Transpose", "Reshape"), node.outputs[0]
    source = view.inputs[0] if view is not None else None
    if view is None or source is None or source.shape is None or output.shape is None or len(source.shape) < 2:
        return None
    rank, width = len(source.shape), elements(output)
    if width is None or elements(source) != elements(view.outputs[0]):
        return None
    shape = [*source.shape[:-1], width]
    if view.op_type == "Transpose":
        perm = view.attributes.get_ints("perm", range(rank)[::-1])
        if perm[-1] != rank - 1:
            return None
        attributes: dict[str, list[int]] = {"perm": list(perm)}
        operands = []
    else:
        target = [size if isinstance(size, int) else -1 for size in output.shape]
        if target.count(-1) > 1:
            return None
        attributes, operands = {}, [np.array(target, np.int64)]
    linear = emit("Linear", [source, *node.inputs[1:]], node, graph, overload=node.overload, shape=shape, ours=True)
    new = linear.producer()
    replace(output, emit(view.op_type, [linear, *operands], new, graph, attributes=attributes), new)
    return new
